"""What could be saved or put right, what people said of it, and what it saved in the end."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ByteOrderedCharField, ExactJSONField, NumericField
from inventory.models.resources import ID_LENGTH, Resource

Text = ByteOrderedCharField


class Recommendation(TenantOwned):
    """What one rule says of one subject, at most once: computed again, the row is brought up to date.

    `subject` is the id of the resource, or for what is no resource one made of its name. The saving is per
    month of 365/12 days, 0 where nothing is saved. `missing` names the data without which the rule could not
    judge when it last looked: what stands here then is from before. `said` is the digest of what it said at
    that time; said again, nothing is written.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        SNOOZED = "snoozed"
        DISMISSED = "dismissed"
        DONE = "done"
        CLOSED = "closed", "closed: no longer so"

    class Level(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    class Priority(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"
        CRITICAL = "critical"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = Text(max_length=64)
    subject = models.UUIDField()
    resource = models.ForeignKey(
        Resource, null=True, on_delete=models.SET_NULL, related_name="recommendations"
    )
    provider = Text(max_length=32, blank=True)
    native_id = Text(max_length=ID_LENGTH, blank=True, help_text="What the provider calls the subject.")
    recommendation_type = models.CharField(max_length=32)
    priority = models.CharField(max_length=8, choices=Priority.choices, default=Priority.MEDIUM)
    risk = models.CharField(max_length=8, choices=Level.choices, default=Level.LOW)
    confidence = models.CharField(max_length=8, choices=Level.choices, default=Level.HIGH)
    saving_monthly = NumericField(default=Decimal(0))
    currency = Text(max_length=3, blank=True)
    basis = models.CharField(max_length=32, blank=True, help_text="What the saving was reckoned from.")
    description = models.CharField(max_length=2000)
    action_items = models.JSONField(default=list)
    evidence = ExactJSONField(default=dict)
    missing = models.JSONField(default=list)
    said = models.CharField(max_length=32, blank=True, editable=False)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)
    status_reason = models.CharField(max_length=2000, blank=True)
    status_by = models.CharField(max_length=320, blank=True)
    status_at = models.DateTimeField(default=timezone.now)
    snoozed_until = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(default=timezone.now, help_text="When it was last opened.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "rule", "subject"], name="recommendation_once")
        ]
        indexes = [models.Index(fields=["tenant", "status", "-id"], name="recommendation_newest")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.native_id}"

    @property
    def status_now(self) -> str:
        """Open again from the moment that it was put off to, before any computation writes so."""
        is_over = self.snoozed_until is not None and self.snoozed_until <= timezone.now()
        return str(self.Status.OPEN if self.status == self.Status.SNOOZED and is_over else self.status)


class RecommendationRun(TenantOwned):
    """One computation of all rules over a tenant; only one at a time.

    `verdicts` has by rule how many subjects were found, were fine and undetermined, for want of what.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    actor = models.CharField(max_length=320)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    costs_through = models.DateField(null=True, help_text="The last complete day of costs.")
    resources = models.PositiveIntegerField(default=0)
    opened = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    closed = models.PositiveIntegerField(default=0)
    verdicts = models.JSONField(default=dict)
    message = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(state="running"), name="recommendation_run_once"
            )
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="recommendation_run_newest")]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.state}"


class RuleSetting(TenantOwned):
    """What a tenant set for a rule: only the thresholds that differ from the rule's own."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = Text(max_length=64)
    is_enabled = models.BooleanField(default=True)
    thresholds = ExactJSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["tenant__slug", "rule"]
        constraints = [models.UniqueConstraint(fields=["tenant", "rule"], name="rule_setting_once")]

    def __str__(self) -> str:
        return str(self.rule)


class RealisedSaving(TenantOwned):
    """What costs say of a recommendation so many days after it was done.

    `before` and `after` are costs of an average day, `saving_monthly` what their difference comes to in a
    month; all null when no bill named the resource before. `expected` is what the recommendation had said.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    recommendation = models.ForeignKey(
        Recommendation, on_delete=models.CASCADE, related_name="realised", db_index=False
    )
    done_on = models.DateField()
    days = models.PositiveSmallIntegerField()
    currency = Text(max_length=3)
    expected = NumericField()
    before = NumericField(null=True)
    after = NumericField(null=True)
    saving_monthly = NumericField(null=True)
    checked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "recommendation", "done_on", "days"], name="realised_saving_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.days} days after {self.done_on}"

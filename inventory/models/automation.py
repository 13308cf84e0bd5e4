"""Rules that act on resources, what they planned, and what became of each target."""

from typing import Final

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ByteOrderedCharField, ExactJSONField
from inventory.models.resources import ID_LENGTH, Resource


def manual() -> dict[str, str]:
    return {"type": "manual"}


class AutomationRule(TenantOwned):
    """When, to which resources, and what: acts only by runs, each with a frozen plan.

    `trigger` is such as {"type": "cron", "cron": "0 20 * * 1-5", "time_zone": "Europe/Berlin"}, `actions`
    such as [{"type": "stop"}]; inventory/triggers.py and inventory/actions.py know them all. `rule_type`
    and `match_criteria` are the older service's; the criteria hold beside `filter`.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=255)
    rule_type = models.CharField(max_length=63, blank=True, help_text="A word for people.")
    is_enabled = models.BooleanField(default=True)
    trigger = models.JSONField(default=manual)
    filter = models.CharField(max_length=2000, blank=True)
    match_criteria = ExactJSONField(default=dict, blank=True, help_text='Such as {"tag:env": "dev"}.')
    actions = models.JSONField(default=list)
    max_targets = models.PositiveIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text="More resources to change than this, and nothing is done.",
    )  # fmt: skip
    max_percent = models.PositiveSmallIntegerField(
        default=20, validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="The same of the tenant's resources; one is always allowed.",
    )  # fmt: skip
    requires_approval = models.BooleanField(default=True, help_text="By a second person.")
    version = models.PositiveIntegerField(default=1, help_text="Goes up with each change; older plans end.")
    created_by = models.CharField(max_length=320)
    changed_by = models.CharField(max_length=320, help_text="Who last changed what it does.")
    authors = models.JSONField(default=list, help_text="Ids of all who wrote it: they approve nothing of it.")
    seen_seq = models.BigIntegerField(default=0, help_text="Of the activity: what it has looked at.")
    fired_at = models.DateTimeField(null=True, blank=True, help_text="The last moment that it was due for.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="automation_rule_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def cron_schedule(self) -> str | None:
        """The older service's word for a trigger by time."""
        cron: str | None = self.trigger.get("cron")
        return cron

    @property
    def action_type(self) -> str | None:
        """The older service's word for the one action."""
        return self.actions[0]["type"] if self.actions else None


class AutomationRun(TenantOwned):
    """A frozen plan of a rule and what became of it; `hash` is over all that it says it will do.

    Whoever works on it first moves `next_step_at` on, from the value seen; a worker that dies has it only
    until then.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for approval"
        APPROVED = "approved"
        RUNNING = "running"
        COMPLETED = "completed"
        REFUSED = "refused"
        REJECTED = "rejected"
        EXPIRED = "expired"

    OPEN: Final = (State.WAITING, State.APPROVED, State.RUNNING)

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = models.ForeignKey(AutomationRule, on_delete=models.CASCADE, related_name="runs", db_index=False)
    state = models.CharField(max_length=16, choices=State.choices)
    cause = models.CharField(max_length=255, help_text="Why it was planned.")
    rule_version = models.PositiveIntegerField()
    definition = ExactJSONField(default=dict, help_text="What of the rule the plan was made by.")
    hash = models.CharField(max_length=64, help_text="SHA-256 of the plan, in hexadecimal.")
    matched = models.PositiveIntegerField(
        default=0, help_text="Resources; more than the plan holds if refused."
    )
    fleet = models.PositiveIntegerField(default=0, help_text="All resources of the tenant at that time.")
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="undone_by"
    )
    planned_by = models.CharField(max_length=320)
    barred = models.JSONField(default=list, help_text="Ids of the people who wrote the rule or the plan.")
    decided_by = models.CharField(max_length=320, blank=True, help_text="Who approved or rejected it.")
    decided_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(help_text="Not begun by then, it never is.")
    next_step_at = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=2000, blank=True, help_text="Why it ended as it did.")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "undoes"], name="automation_run_undone_once")
        ]
        indexes = [
            models.Index(fields=["rule", "-id"], name="automation_run_of"),
            models.Index(
                fields=["next_step_at"],
                name="automation_run_due",
                condition=models.Q(next_step_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule}, {self.created_at:%Y-%m-%d %H:%M}"


class AutomationTarget(TenantOwned):
    """One action on one resource, or with no resource on all of them (`notify`).

    ACTING is written before anything is asked of a provider; `receipt` is what the provider calls the job.
    """

    class State(models.TextChoices):
        PLANNED = "planned"
        ACTING = "acting"
        DONE = "done"
        SKIPPED = "skipped"
        FAILED = "failed"

    OPEN: Final = (State.PLANNED, State.ACTING)

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(AutomationRun, on_delete=models.CASCADE, related_name="targets", db_index=False)
    position = models.PositiveIntegerField()
    action = ExactJSONField(default=dict)
    resource = models.ForeignKey(Resource, null=True, on_delete=models.SET_NULL, related_name="+")
    provider = ByteOrderedCharField(max_length=32, blank=True)
    native_id = ByteOrderedCharField(
        max_length=ID_LENGTH, blank=True, help_text="What the provider calls it."
    )
    name = models.CharField(max_length=255, blank=True)
    why = models.TextField(help_text="What of the resource met the conditions.")
    expects = ExactJSONField(default=dict, help_text="What must still be so when it is acted on.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PLANNED)
    attempts = models.PositiveIntegerField(default=0, help_text="Calls to the provider.")
    receipt = models.CharField(max_length=255, blank=True)
    result = models.CharField(max_length=2000, blank=True)
    inverse = ExactJSONField(null=True, help_text="The action that takes it back.")
    acted_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "position", "tenant"], name="automation_target_once")
        ]

    def __str__(self) -> str:
        return f"{self.action.get('type')} {self.name or self.native_id}".strip()

"""What a tenant wants to be told of, and how much it may send."""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from accounts.exact import COMPARED
from accounts.models import TenantOwned
from accounts.models.fields import ExactDecimalField

DAY_MINUTES: Final = 24 * 60
MOST_EMAILS: Final = 20


class Alert(TenantOwned):
    """A threshold on the last `window_minutes` of a tenant's usage, and whether it is crossed now.

    `usage` counts events or sums a metric, `cost` sums what senders billed in `currency`, `error_rate` is
    the share of failed events from 0 to 1, `latency` the 95th percentile of a metric. `filter` says which
    events (accounts.grammar). With fewer than `min_points` events nothing is crossed.
    """

    class Measure(models.TextChoices):
        USAGE = "usage"
        COST = "cost"
        ERROR_RATE = "error_rate"
        LATENCY = "latency"

    class Operator(models.TextChoices):
        AT_LEAST = ">=", ">="
        ABOVE = ">", ">"
        AT_MOST = "<=", "<="
        BELOW = "<", "<"

    class Status(models.TextChoices):
        RESOLVED = "resolved"
        ACTIVE = "active"
        ACKNOWLEDGED = "acknowledged"

    name = models.CharField(max_length=255)
    measure = models.CharField(max_length=16, choices=Measure.choices)
    metric = models.CharField(max_length=255, blank=True, help_text="Of usage and latency.")
    filter = models.TextField(max_length=2000, blank=True)
    operator = models.CharField(max_length=2, choices=Operator.choices, default=Operator.AT_LEAST)
    threshold = ExactDecimalField()
    currency = models.CharField(
        max_length=3,
        default="USD",
        validators=[RegexValidator(r"^[A-Z]{3}$", "Give an ISO 4217 code such as EUR.")],
    )
    window_minutes = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(31 * DAY_MINUTES)]
    )
    cooldown_minutes = models.PositiveIntegerField(
        default=60, validators=[MaxValueValidator(31 * DAY_MINUTES)]
    )
    min_points = models.PositiveIntegerField(default=1, help_text="0: silence counts too.")
    emails = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.RESOLVED, editable=False)
    status_since = models.DateTimeField(default=timezone.now, editable=False)
    value = ExactDecimalField(null=True, editable=False)
    evaluated_at = models.DateTimeField(null=True, editable=False)
    raised_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="alert_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.window_minutes)

    @property
    def cooldown(self) -> timedelta:
        return timedelta(minutes=self.cooldown_minutes)

    def is_crossed_by(self, value: Decimal) -> bool:
        compare = COMPARED[self.operator]
        return compare(value, self.threshold)


class Quota(TenantOwned):
    """How many events of a calendar month (UTC, by timestamp) a tenant may send.

    A hard quota refuses more with 429; a soft one only tells, at 80 % and at 100 %.
    """

    monthly_events = models.PositiveBigIntegerField(validators=[MinValueValidator(1)])
    hard = models.BooleanField(default=False)
    told = models.CharField(
        max_length=16, blank=True, editable=False, help_text="Month and percentage told last."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["tenant__slug"]
        constraints = [models.UniqueConstraint(fields=["tenant"], name="quota_once")]

    def __str__(self) -> str:
        return f"{self.monthly_events} events a month"

"""What people said of days that cost unusually much or little, and what counts as unusual."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ByteOrderedCharField, NumericField


class AnomalyThresholds(TenantOwned):
    """What makes a day of a tenant's costs an anomaly; without a row, these defaults."""

    deviations = models.PositiveSmallIntegerField(
        default=35,
        validators=[MinValueValidator(10), MaxValueValidator(200)],
        help_text="Tenths of a median absolute deviation: 35 is 3.5.",
    )
    percent = models.PositiveSmallIntegerField(
        default=15, validators=[MaxValueValidator(1000)], help_text="Of what was expected, at least."
    )
    minimum = NumericField(default=Decimal(10), help_text="The least difference, in the costs' currency.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["tenant__slug"]
        verbose_name_plural = "anomaly thresholds"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="anomaly_thresholds_once")]

    def __str__(self) -> str:
        return f"{self.deviations / 10} MAD, {self.percent} %, {self.minimum}"


class AnomalyFeedback(TenantOwned):
    """What somebody said of the anomaly of a service and account that begins on a day.

    `expected` says so of what is alike and comes later, too: no more than half as much again, per day.
    Empty service and account are the tenant's total.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        ACKNOWLEDGED = "acknowledged"
        EXPECTED = "expected"
        RESOLVED = "resolved"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.CharField(max_length=3)
    service = ByteOrderedCharField(max_length=255, blank=True)
    account = ByteOrderedCharField(max_length=255, blank=True)
    day = models.DateField()
    status = models.CharField(max_length=16, choices=Status.choices)
    daily_impact = NumericField(help_text="What a day differed by on the average.")
    note = models.CharField(max_length=2000, blank=True)
    actor = models.CharField(max_length=320)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-day", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "currency", "service", "account", "day"], name="anomaly_feedback_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.service or 'total'}: {self.status}"

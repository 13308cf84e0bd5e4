"""Gcore's figures beside our own."""

from decimal import Decimal

from django.db import models

from accounts.models import TenantOwned
from accounts.models.fields import ExactJSONField, NumericField
from usage.models import Meter


class FeatureMeter(TenantOwned):
    """By which of its meters a tenant measures itself what Gcore bills as a feature.

    A feature without one is measured by default: see `queries.own_usage`.
    """

    feature_id = models.CharField(
        max_length=255, verbose_name="Gcore feature id", help_text="Such as 92; its name where it has no id."
    )
    meter = models.ForeignKey(Meter, on_delete=models.CASCADE, related_name="+")
    factor = NumericField(
        default=Decimal(1), help_text="Of the meter's figure: 0.000000001 makes GB of bytes."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["feature_id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "feature_id"], name="feature_meter_once")]

    def __str__(self) -> str:
        return f"{self.feature_id} · {self.meter}"


class Reconciliation(TenantOwned):
    """What the last comparison of a month found; the nightly one tells when there is something new."""

    month = models.DateField(help_text="Its first day.")
    starts_on = models.DateField(help_text="The days compared: from this one")
    ends_on = models.DateField(help_text="until before this one.")
    counts = models.JSONField(default=dict, help_text="Features by status.")
    problems = models.JSONField(default=list, help_text="Feature and finding, such as 92 differs.")
    lines = ExactJSONField(default=list)
    checked_at = models.DateTimeField()

    class Meta:
        ordering = ["-month"]
        constraints = [models.UniqueConstraint(fields=["tenant", "month"], name="reconciliation_once")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"

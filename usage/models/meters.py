"""Meters: what a tenant counts."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models import TenantOwned


class Meter(TenantOwned):
    """A figure over a tenant's live events, by its own definition.

    `filter` says which events (accounts.grammar, usage.filters; blank: all), `value` what of each: `1` or a
    property. An event without that value is left out.
    """

    class Aggregation(models.TextChoices):
        COUNT = "count"
        SUM = "sum"
        AVG = "avg"
        MIN = "min"
        MAX = "max"
        UNIQUE = "unique"
        LATEST = "latest"
        PERCENTILE = "percentile"
        TIME_WEIGHTED = "time_weighted"

    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=255)
    description = models.TextField(max_length=2000, blank=True)
    filter = models.TextField(max_length=2000, blank=True)
    value = models.CharField(max_length=255, default="1")
    aggregation = models.CharField(max_length=16, choices=Aggregation.choices, default=Aggregation.COUNT)
    percentile = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.001")), MaxValueValidator(100)],
        help_text="Above 0, up to 100; for the aggregation percentile only.",
    )
    unit = models.CharField(max_length=63, blank=True, help_text="Shown beside the figures, such as tokens.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slug"]
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="meter_once")]

    def __str__(self) -> str:
        return self.slug

"""How much costs may be, and what was told of it."""

from django.db import models

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import NumericField
from inventory.models.rates import CODE


class Budget(TenantOwned):
    """An amount for each calendar period (UTC) of the costs that `filter` names.

    `thresholds` are percentages of `actual` or `forecast`: {"percent": 80, "of": "actual"}. Costs in other
    currencies count by the tenant's exchange rates.
    """

    class Period(models.TextChoices):
        MONTH = "month"
        QUARTER = "quarter"
        YEAR = "year"

    class Cost(models.TextChoices):
        BILLED = "billed"
        EFFECTIVE = "effective"

    name = models.CharField(max_length=255)
    amount = NumericField()
    currency = models.CharField(max_length=3, validators=[CODE])
    period = models.CharField(max_length=8, choices=Period.choices, default=Period.MONTH)
    cost = models.CharField(max_length=16, choices=Cost.choices, default=Cost.BILLED)
    filter = models.CharField(max_length=2000, blank=True)
    thresholds = models.JSONField(default=list, blank=True)
    emails = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="budget_once")]

    def __str__(self) -> str:
        return self.name


class BudgetNotice(TenantOwned):
    """A threshold that was crossed in a period: told once, whoever looks."""

    class Of(models.TextChoices):
        ACTUAL = "actual"
        FORECAST = "forecast"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="notices", db_index=False)
    period_start = models.DateField()
    of = models.CharField(max_length=8, choices=Of.choices)
    percent = models.PositiveSmallIntegerField()
    value = NumericField()
    amount = NumericField(help_text="Of the budget, at that time.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "budget", "period_start", "of", "percent"], name="budget_notice_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.percent} % {self.of}, {self.period_start}"

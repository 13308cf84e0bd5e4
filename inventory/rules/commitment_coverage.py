from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from accounts.exact import canonical
from accounts.models import Tenant
from inventory.queries.commitments import on_demand
from inventory.queries.spends import monthly
from inventory.rules.base import Finding, Level, TenantRule, Verdict

TENTH: Final = Decimal("0.1")


class CommitmentCoverage(TenantRule):
    """Machines whose steady part is paid for by the hour, though a commitment would be cheaper."""

    key = "commitment_coverage"
    title = "Steady use without a commitment"
    recommendation_type = "commitment"
    risk = Level.HIGH
    inputs = ("costs of machines by day, with PricingCategory and ServiceCategory",)
    basis = "discount on the steady part"
    actions = ("Clean up first", "Buy a commitment of one year for the steady part")
    defaults = {"days": Decimal(60), "percent": Decimal(27), "minimum": Decimal(100)}

    def verdicts(self, tenant: Tenant, through: date) -> Iterator[Verdict]:
        days = int(self.limits["days"])
        for (provider, currency), costs in on_demand(tenant, through, days).items():
            floor = _floor(costs, days)
            saving = monthly(floor * self.limits["percent"] / 100)
            if len(costs) < days:
                yield Verdict(provider, f"{provider} compute in {currency}", None, (f"costs of {days} days",))
            elif monthly(floor) >= self.limits["minimum"]:
                evidence = {"floor_daily": canonical(floor), "days": days, "discount": self.limits["percent"]}
                told = f"On nine of ten days machines cost at least {round(floor, 2)} {currency} on demand."
                finding = Finding(told, evidence, saving, currency=currency, basis=self.basis)
                yield Verdict(
                    provider,
                    f"{provider} compute in {currency}",
                    finding._replace(confidence=Level.MEDIUM.value),
                )


def _floor(costs: Sequence[Decimal], days: int) -> Decimal:
    """What nine of ten days reach."""
    ranked = sorted([*costs, *[Decimal(0)] * (days - len(costs))])
    return ranked[int(TENTH * len(ranked))]

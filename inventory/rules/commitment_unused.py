from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from accounts.exact import canonical, quotient
from accounts.models import Tenant
from inventory.queries.commitments import WINDOW_DAYS, commitments
from inventory.queries.spends import monthly
from inventory.rules.base import Finding, Level, TenantRule, Verdict


class CommitmentUnused(TenantRule):
    """A commitment that is paid for and not used up."""

    key = "commitment_unused"
    title = "Under-used commitment"
    recommendation_type = "commitment"
    risk = Level.LOW
    inputs = ("costs with CommitmentDiscountStatus",)
    basis = "unused spend"
    actions = ("Move work under it", "Sell or shrink it, or buy less next time")
    defaults = {"percent": Decimal(90)}

    def verdicts(self, tenant: Tenant, through: date) -> Iterator[Verdict]:
        for (provider, name), found in commitments(tenant, through).items():
            paid = found.used + found.unused
            share = quotient(found.used * 100, paid) if paid > 0 else None
            if share is None or share >= self.limits["percent"]:
                continue
            told = f"{round(share, 1)} % of it was used in {WINDOW_DAYS} days."
            evidence = {"used": canonical(found.used), "unused": canonical(found.unused)}
            saving = monthly(quotient(found.unused, Decimal(WINDOW_DAYS)))
            yield Verdict(
                provider, name, Finding(told, evidence, saving, currency=found.currency, basis=self.basis)
            )

"""What is bought ahead, and what is not though it might be."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from accounts.exact import EXACT, quotient
from accounts.models import Tenant
from accounts.sql import ExactSum
from inventory.models import Charge
from inventory.queries.spends import Key, monthly, recent_lines

WINDOW_DAYS: Final = 30
ZERO: Final = Decimal(0)
COMPUTE: Final = "Compute"
ON_DEMAND: Final = "Standard"


class Commitment(NamedTuple):
    """What of it was used and unused in 30 days, and what that which it covers would have cost without."""

    currency: str
    used: Decimal
    unused: Decimal
    without: Decimal

    @property
    def saves_monthly(self) -> Decimal:
        lost = EXACT.subtract(EXACT.subtract(self.without, self.used), self.unused)
        return monthly(quotient(lost, Decimal(WINDOW_DAYS)))


def commitments(tenant: Tenant, through: date) -> dict[Key, Commitment]:
    """The commitments that bills name, by provider and id; of two currencies the first alone."""
    lines = recent_lines(tenant, through, WINDOW_DAYS).exclude(charge__commitment_discount_id="")
    names = ("charge__provider", "charge__commitment_discount_id", "currency")
    found: dict[Key, Commitment] = {}
    rows = lines.order_by(*names).values_list(*names, "charge__commitment_discount_status")
    amounts = rows.annotate(cost=ExactSum("effective_cost"), without=ExactSum("contracted_cost"))
    for provider, name, currency, status, cost, without in amounts:
        known = found.setdefault((provider, name), Commitment(currency, ZERO, ZERO, ZERO))
        if known.currency != currency:
            continue
        if status == "Used":
            told = EXACT.add(known.without, without or cost)
            known = known._replace(used=EXACT.add(known.used, cost), without=told)
        elif status == "Unused":
            known = known._replace(unused=EXACT.add(known.unused, cost))
        found[provider, name] = known
    return found


def on_demand(tenant: Tenant, through: date, days: int) -> dict[Key, list[Decimal]]:
    """What machines cost on each of the last days that has lines without a commitment, by provider and
    currency.
    """
    lines = recent_lines(tenant, through, days).filter(
        charge__charge_category=Charge.Category.USAGE,
        charge__service_category=COMPUTE,
        charge__pricing_category=ON_DEMAND,
        charge__commitment_discount_id="",
    )
    names = ("charge__provider", "currency", "cost_day__day")
    rows = lines.order_by(*names).values_list(*names).annotate(cost=ExactSum("effective_cost"))
    found: defaultdict[Key, list[Decimal]] = defaultdict(list)
    for provider, currency, _, cost in rows:
        found[provider, currency].append(cost)
    return found

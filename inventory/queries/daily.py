"""What was spent day by day in one currency, up to the last complete day."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from django.db.models import QuerySet

from accounts.exact import EXACT
from accounts.models import Tenant
from inventory.models import Charge, CostLine
from inventory.queries.analytics import converted_groups
from inventory.queries.completeness import completeness
from inventory.queries.dimensions import read_dimensions
from inventory.queries.rates import Rates
from inventory.queries.spans import Span
from inventory.queries.sums import ZERO

Days = dict[date, Decimal]
ALL: Final = Span(None, None)
ONCE: Final = "One-Time"
RECURRING: Final = "Recurring"


class Daily(NamedTuple):
    """`usual` is what goes on day by day, `recurring` what is bought on a day of each month; `spent` is all.

    `left_out` names the currencies that could not be converted.
    """

    currency: str
    spent: Days
    usual: Days
    recurring: Days
    through: date | None
    left_out: list[str]


def daily_costs(
    *,
    tenant: Tenant,
    lines: QuerySet[CostLine],
    cost: str = "effective",
    reporting_currency: str | None = None,
) -> Daily:
    """What the lines cost by day, all of them in the reporting currency or those of one currency alone.

    Without one it is the tenant's currency, or else the first of those that there are.
    """
    rates = Rates(tenant, reporting_currency) if reporting_currency else None
    names = read_dimensions(["day", "charge_category", "charge_frequency"])
    found: defaultdict[str, list[tuple[date, str, str, Decimal]]] = defaultdict(list)
    for ((told, category, frequency), currency), sums in converted_groups(tenant, lines, names, rates):
        amount: Decimal = getattr(sums, cost) or ZERO
        found[currency].append((date.fromisoformat(told), category, frequency, amount))
    own = reporting_currency or tenant.currency
    chosen = own if own in found or reporting_currency else min(found, default=own)
    spent: defaultdict[date, Decimal] = defaultdict(Decimal)
    usual: defaultdict[date, Decimal] = defaultdict(Decimal)
    recurring: defaultdict[date, Decimal] = defaultdict(Decimal)
    for day, category, frequency, amount in found[chosen]:
        purchase = category == Charge.Category.PURCHASE
        spent[day] = EXACT.add(spent[day], amount)
        if not purchase and frequency != ONCE:
            usual[day] = EXACT.add(usual[day], amount)
        elif purchase and frequency == RECURRING:
            recurring[day] = EXACT.add(recurring[day], amount)
    left_out = sorted(rates.missing) if rates else []
    through = completeness(tenant, ALL).through
    return Daily(chosen, dict(spent), dict(usual), dict(recurring), through, left_out)

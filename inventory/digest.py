"""What the weekly digest says of costs, and of what could be saved."""

from collections import defaultdict
from decimal import Decimal
from typing import Final

from accounts.digest import MOST, Section, Week, bars, change
from accounts.exact import exact_sum
from accounts.models import Tenant
from inventory.queries.costs import lines_between
from inventory.queries.dimensions import read_dimensions
from inventory.queries.recommendations import Total, counted, open_recommendations, saving_totals
from inventory.queries.spans import Span
from inventory.queries.sums import ZERO, cost_groups

CENT: Final = Decimal("0.01")
Costs = dict[str, dict[str, Decimal]]


def spend_sections(tenant: Tenant, week: Week) -> list[Section]:
    """The billed cost of the week (days in UTC) by currency, and the services that cost most of it."""
    now, before = _costs(tenant, week), _costs(tenant, week.before())
    return [_spend(currency, now[currency], before.get(currency, {})) for currency in sorted(now)]


def saving_sections(tenant: Tenant, week: Week) -> list[Section]:
    """What the open recommendations could save, by currency, and those that save most."""
    return [_savings(tenant, total) for total in saving_totals(tenant)]


def _costs(tenant: Tenant, week: Week) -> Costs:
    lines = lines_between(tenant, Span(week.first, week.end))
    found: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    for group in cost_groups(tenant, lines, read_dimensions(["service"]), None):
        found[group.currency][group.labels[0]] = group.sums.billed or ZERO
    return dict(found)


def _spend(currency: str, services: dict[str, Decimal], before: dict[str, Decimal]) -> Section:
    total, earlier = exact_sum(services.values()), exact_sum(before.values())
    largest = sorted(services.items(), key=lambda item: (-item[1], item[0]))[:MOST]
    return Section(
        f"Costs in {currency}",
        f"{_money(total)} {currency}, {change(total, earlier)}.",
        bars=bars([(name or "without a service", cost) for name, cost in largest], _money),
    )


def _savings(tenant: Tenant, total: Total) -> Section:
    """Of several on one resource the one that saves most: together they would save no more."""
    rows = open_recommendations(tenant).filter(currency=total.currency)
    largest = counted(rows).order_by("-saving_monthly", "pk")[:MOST]
    return Section(
        f"Recommendations in {total.currency}",
        f"{_money(total.resources)} {total.currency} a month could be saved on resources; "
        f"{total.recommendations:,} recommendations are open.",
        lines=[
            f"{row.native_id}, {row.recommendation_type}: {_money(row.saving_monthly)} {row.currency} a month"
            for row in largest
        ],
    )


def _money(amount: int | Decimal) -> str:
    return f"{Decimal(amount).quantize(CENT):,}"

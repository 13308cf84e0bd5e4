"""What the console's home page shows of a tenant's costs and savings, and the back office of all."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from django.db.models import Case, Value, When

from accounts.models import Tenant
from accounts.sql import ExactSum
from inventory.models import CostLine, Recommendation
from inventory.queries.costs import lines_between
from inventory.queries.recommendations import Total, open_recommendations, saving_totals
from inventory.queries.spans import Span, span_of
from inventory.queries.sums import cost_groups

TOP: Final = 4


class Spend(NamedTuple):
    """The effective cost in one currency of the latest month that was told of, and of the one before.

    None where nothing was told.
    """

    currency: str
    month: Decimal | None
    before: Decimal | None


class SpendOverview(NamedTuple):
    """`spends` by currency; the tenant's own comes first."""

    month: date
    before: date
    spends: list[Spend]


class SavingOverview(NamedTuple):
    """`top` are the open ones that would save most, those in the tenant's own currency first."""

    totals: list[Total]
    top: list[Recommendation]


def spend_overview(tenant: Tenant) -> SpendOverview:
    """What the latest month that was told of has cost so far."""
    span = span_of(tenant, "monthly")
    assert span.start is not None  # noqa: S101  (a month has a beginning)
    before = (span.start - timedelta(days=1)).replace(day=1)
    found: defaultdict[str, dict[date | None, Decimal | None]] = defaultdict(dict)
    for group in cost_groups(tenant, lines_between(tenant, Span(before, span.end)), [], "month"):
        found[group.currency][group.day] = group.sums.effective
    spends = [
        Spend(currency, sums.get(span.start), sums.get(before))
        for currency, sums in sorted(found.items(), key=lambda item: (item[0] != tenant.currency, item[0]))
    ]
    return SpendOverview(span.start, before, spends)


def saving_overview(tenant: Tenant) -> SavingOverview:
    """What could be saved in a month, by the recommendations that are open."""
    own = Case(When(currency=tenant.currency, then=Value(0)), default=Value(1))
    top = open_recommendations(tenant).order_by(own, "-saving_monthly", "-pk")
    return SavingOverview(saving_totals(tenant), list(top[:TOP]))


def spent_since(day: date) -> dict[str, Decimal]:
    """What all tenants' lines of that day (UTC) and later cost, effective, by currency."""
    lines = CostLine.objects.live().filter(cost_day__day__gte=day).order_by()
    return dict(lines.values_list("currency").annotate(spent=ExactSum("effective_cost")).order_by("currency"))

"""What things cost, in sums that never mix currencies."""

from collections import defaultdict
from decimal import Decimal
from typing import Final, NamedTuple

from django.db.models import QuerySet

from accounts.exact import EXACT
from accounts.models import Tenant
from inventory.filters import filter_q, read_filter
from inventory.models import CostLine, Resource
from inventory.queries.dimensions import read_dimensions
from inventory.queries.owners import cost_properties
from inventory.queries.spans import Span, span_of
from inventory.queries.sums import ZERO, cost_groups

PARTS: Final = ("provider", "region", "service")


class Summary(NamedTuple):
    """`parts` has by dimension what each part cost; they add up to `total`."""

    currency: str
    total: Decimal
    parts: dict[str, dict[str, Decimal]]
    totals: dict[str, Decimal]
    span: Span


def live_lines(tenant: Tenant) -> QuerySet[CostLine]:
    """The lines that count."""
    lines: QuerySet[CostLine] = CostLine.objects.live().for_tenant(tenant)
    return lines


def lines_between(tenant: Tenant, span: Span) -> QuerySet[CostLine]:
    """The lines that count and begin on these days (UTC)."""
    lines = live_lines(tenant)
    if span.start is not None:
        lines = lines.filter(cost_day__day__gte=span.start)
    if span.end is not None:
        lines = lines.filter(cost_day__day__lt=span.end)
    return lines


def lines_matching(tenant: Tenant, span: Span, filter: str) -> QuerySet[CostLine]:
    """Those of them that a filter names; ValidationFailed when it is none."""
    known = cost_properties(tenant)
    return lines_between(tenant, span).filter(filter_q(read_filter(filter, known), known))


def resource_lines(tenant: Tenant, resource: Resource) -> QuerySet[CostLine]:
    """The lines of one resource, which is told by its provider and the provider's id."""
    same = {"charge__tenant": resource.tenant_id, "charge__provider": resource.provider}
    return live_lines(tenant).filter(charge__resource_id=resource.resource_id, **same)


def cost_summary(*, tenant: Tenant, period: str, currency: str | None = None) -> Summary:
    """The billed cost of a period by provider, region and service, in one currency.

    `period` is `all`, a year, a month or a day such as 2026, 2026-03 and 2026-03-10, or `yearly`, `monthly`
    and `daily`: the latest of them that has costs. Without a currency it is the tenant's own, or else the
    first of those that there are. Errors: 400 a period that is none.
    """
    span = span_of(tenant, period)
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    parts: dict[str, dict[str, defaultdict[str, Decimal]]] = {}
    for group in cost_groups(tenant, lines_between(tenant, span), read_dimensions(PARTS), None):
        cost = group.sums.billed or ZERO
        _add(totals, group.currency, cost)
        mine = parts.setdefault(group.currency, {name: defaultdict(Decimal) for name in PARTS})
        for name, label in zip(PARTS, group.labels, strict=True):
            _add(mine[name], label, cost)
    own = tenant.currency
    chosen = currency or (own if own in totals else min(totals, default=own))
    found: dict[str, dict[str, Decimal]] = {
        name: dict(sorted(parts[chosen][name].items())) if chosen in parts else {} for name in PARTS
    }
    total = totals.get(chosen, Decimal(0))
    return Summary(chosen, total, found, dict(sorted(totals.items())), span)


def _add(sums: defaultdict[str, Decimal], key: str, cost: Decimal) -> None:
    sums[key] = EXACT.add(sums[key], cost)

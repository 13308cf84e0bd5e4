"""What things cost, in sums that never mix currencies."""

import re
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.errors import ValidationFailed
from accounts.exact import EXACT
from accounts.models import Tenant
from accounts.sql import ExactSum
from inventory.models import CostDay, CostLine, Resource

UNALLOCATED: Final = "unallocated"
PARTS: Final = {"provider": "charge__provider", "region": "charge__region", "service": "charge__service_name"}
LATEST: Final = {"daily": "day", "monthly": "month", "yearly": "year"}
_SPAN: Final = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)


class Span(NamedTuple):
    """Days in [start, end); both None: all of them."""

    start: date | None
    end: date | None


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


def resource_lines(resource: Resource) -> QuerySet[CostLine]:
    """The lines of one resource, which is told by its provider and the provider's id."""
    same = {"charge__tenant": resource.tenant_id, "charge__provider": resource.provider}
    return live_lines(resource.tenant).filter(charge__resource_id=resource.resource_id, **same)


def cost_summary(*, tenant: Tenant, period: str, currency: str | None = None) -> Summary:
    """The billed cost of a period by provider, region and service, in one currency.

    `period` is `all`, a year, a month or a day such as 2026, 2026-03 and 2026-03-10, or `yearly`, `monthly`
    and `daily`: the latest of them that has costs. Without a currency it is the tenant's own, or else the
    first of those that there are. Errors: 400 a period that is none.
    """
    span = span_of(tenant, period)
    columns = (*PARTS.values(), "currency")
    rows = lines_between(tenant, span).order_by().values(*columns).annotate(cost=ExactSum("billed_cost"))
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    parts: dict[str, dict[str, defaultdict[str, Decimal]]] = {}
    for row in rows:
        _add(totals, row["currency"], row["cost"])
        mine = parts.setdefault(row["currency"], {name: defaultdict(Decimal) for name in PARTS})
        for name, column in PARTS.items():
            _add(mine[name], row[column] or UNALLOCATED, row["cost"])
    own = tenant.currency
    chosen = currency or (own if own in totals else min(totals, default=own))
    found: dict[str, dict[str, Decimal]] = {
        name: dict(sorted(parts[chosen][name].items())) if chosen in parts else {} for name in PARTS
    }
    total = totals.get(chosen, Decimal(0))
    return Summary(chosen, total, found, dict(sorted(totals.items())), span)


def _add(sums: defaultdict[str, Decimal], key: str, cost: Decimal) -> None:
    sums[key] = EXACT.add(sums[key], cost)


def span_of(tenant: Tenant, period: str) -> Span:
    """The days of a period, as `cost_summary` takes it; ValidationFailed when it is none."""
    if period == "all":
        return Span(None, None)
    if period in LATEST:
        days = CostDay.objects.for_tenant(tenant).filter(is_live=True)
        told = days.filter(Exists(CostLine.objects.filter(cost_day=OuterRef("pk")))).order_by("-day")
        latest = told.values_list("day", flat=True).first() or timezone.now().date()
        return _span(latest, LATEST[period])
    match = _SPAN.fullmatch(period)
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(part) if part else None for part in match.groups())
        return _span(date(year or 0, month or 1, day or 1), "day" if day else "month" if month else "year")
    except (ValueError, OverflowError) as error:
        known = ", ".join(["all", *LATEST])
        raise ValidationFailed.field("period", f"give {known}, 2026, 2026-03 or 2026-03-10.") from error


def _span(day: date, unit: str) -> Span:
    if unit == "day":
        return Span(day, day + timedelta(days=1))
    start = day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)
    later = start + timedelta(days=31 if unit == "month" else 366)
    return Span(start, later.replace(day=1) if unit == "month" else later.replace(month=1, day=1))

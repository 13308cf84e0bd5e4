"""From an event to the figures that it is in."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from accounts.exact import number_of
from accounts.models import Tenant
from usage.billing import Usage, priced_quantities
from usage.dimensions import DIMENSIONS
from usage.filters import filter_q
from usage.models import Meter, Rollup, Statement, UsageEvent
from usage.queries.cover import DAY, HOUR, dirty_hours, floor
from usage.queries.dispositions import Disposition, event_disposition
from usage.queries.measures import measure_of
from usage.queries.statements import frozen_basis, open_basis
from usage.sql import PropertyText

MOST_METERS: Final = 100
A_MOMENT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sum:
    """The row of sums that the event belongs to. While it is dirty figures are made of the events instead."""

    level: str
    start: datetime
    is_dirty: bool
    count: int | None
    costs: dict[str, Decimal] | None


class Metered(NamedTuple):
    meter: str
    aggregation: str
    value: Any


class Priced(NamedTuple):
    rule_id: str
    unit: str
    quantity: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class EventFigures:
    """`why_not` says why the event counts nowhere; empty when it counts."""

    disposition: Disposition
    why_not: str
    sums: list[Sum] = field(default_factory=list)
    meters: list[Metered] = field(default_factory=list)
    prices: list[Priced] = field(default_factory=list)
    statement: Statement | None = None


def event_figures(*, tenant: Tenant, event_id: str) -> EventFigures:
    """Where an event counts, or why it does not. Errors as `event_disposition`."""
    found = event_disposition(tenant=tenant, event_id=event_id)
    if found.event is None or found.event.ended_at is not None:
        return EventFigures(found, _why_not(found))
    event = UsageEvent.objects.annotate(model=PropertyText("model")).get(pk=found.event.pk)
    closed = Statement.objects.for_tenant(tenant).filter(
        starts_at__lte=event.timestamp, ends_at__gt=event.timestamp
    )
    statement = closed.first()
    return EventFigures(
        found, "", _sums(tenant, event), _meters(tenant, event), _prices(tenant, event, statement), statement
    )


def _why_not(found: Disposition) -> str:
    if found.event is not None:
        return f"It was voided: {found.corrections[0].reason}" if found.corrections else "It was voided."
    if found.status == "pending":
        return "It waits in the queue and counts in a moment."
    return f"It is not in the ledger: {found.reason}"


def _sums(tenant: Tenant, event: Any) -> list[Sum]:
    same = {name: getattr(event, name) or "" for name in DIMENSIONS}
    sums = []
    for level, unit in ((Rollup.Level.HOUR, HOUR), (Rollup.Level.DAY, DAY)):
        start = floor(event.timestamp, unit)
        dirty = bool(dirty_hours(tenant=tenant, start=start, end=start + unit))
        row = Rollup.objects.for_tenant(tenant).filter(level=level, start=start, **same).first()
        sums.append(Sum(level.value, start, dirty, row and row.count, row and row.costs))
    return sums


def _meters(tenant: Tenant, event: UsageEvent) -> list[Metered]:
    """The active meters whose filter takes the event and that find a value in it."""
    found = []
    for meter in Meter.objects.for_tenant(tenant).filter(is_active=True).order_by("slug")[:MOST_METERS]:
        measure = measure_of(meter)
        matching = UsageEvent.objects.filter(pk=event.pk).filter(filter_q(measure.filter))
        expression = measure.expression()
        if expression is None:
            value: Any = Decimal(1) if matching.exists() else None
        else:
            value = matching.annotate(it=expression).values_list("it", flat=True).first()
        if value is not None:
            found.append(Metered(meter.slug, meter.aggregation, value))
    return found


def _prices(tenant: Tenant, event: Any, statement: Statement | None) -> list[Priced]:
    """The rules that price the event, and how many units it adds to each: the closed month's, or today's."""
    month = event.timestamp.astimezone(ZoneInfo(tenant.timezone)).date().replace(day=1)
    basis = frozen_basis(statement) if statement else open_basis(tenant, month)
    numbers = {name: number_of(value) for name, value in event.metrics.items()}
    use = Usage(
        event.timestamp, event.timestamp + A_MOMENT, event.service_type, event.service_provider,
        event.model or "", event.event_type, 1,
        {name: number for name, number in numbers.items() if number is not None}, {},
    )  # fmt: skip
    return [
        Priced(rule.id, rule.unit, quantity, rule.currency)
        for rule, quantity in priced_quantities(basis.rules, use)
    ]

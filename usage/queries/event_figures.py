"""From an event to the figures that it is in."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Case, Value, When

from accounts.models import Tenant
from usage.billing import priced_quantities
from usage.dimensions import DIMENSIONS
from usage.filters import filter_q
from usage.models import Meter, Rollup, Statement, UsageEvent
from usage.queries.cover import DAY, HOUR, dirty_hours, floor
from usage.queries.dispositions import Disposition, event_disposition
from usage.queries.event_lines import BilledIn, event_lines, usage_of_event
from usage.queries.measures import Measure, measure_of
from usage.queries.statements import basis_at
from usage.sql import PropertyText

MOST_METERS: Final = 100


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
    """A rule that prices the event, the closed month's or today's, and how many units it adds."""

    rule_id: str
    unit: str
    quantity: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class EventFigures:
    """`why_not` says why the event counts nowhere; empty when it counts.

    `lines` are of all its revisions, for what was billed stays in what was closed.
    """

    disposition: Disposition
    why_not: str
    sums: list[Sum] = field(default_factory=list)
    meters: list[Metered] = field(default_factory=list)
    prices: list[Priced] = field(default_factory=list)
    statement: Statement | None = None
    lines: list[BilledIn] = field(default_factory=list)


def event_figures(*, tenant: Tenant, event_id: str) -> EventFigures:
    """Where an event counts, or why it does not. Errors as `event_disposition`."""
    found = event_disposition(tenant=tenant, event_id=event_id)
    rows = UsageEvent.objects.annotate(model=PropertyText("model"))
    revisions = list(rows.filter(pk__in=[one.pk for one in found.revisions]).order_by("-revision"))
    lines = event_lines(tenant=tenant, revisions=revisions)
    if found.event is None or found.event.ended_at is not None:
        return EventFigures(found, _why_not(found), lines=lines)
    event = revisions[0]
    basis, statement = basis_at(tenant, event.timestamp)
    prices = [
        Priced(rule.id, rule.unit, quantity, rule.currency)
        for rule, quantity in priced_quantities(basis.rules, usage_of_event(event))
    ]
    return EventFigures(found, "", _sums(tenant, event), _meters(tenant, event), prices, statement, lines)


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
    meters = Meter.objects.for_tenant(tenant).filter(is_active=True).order_by("slug")[:MOST_METERS]
    found = {f"meter_{place}": meter for place, meter in enumerate(meters)}
    values = {name: _value(measure_of(meter)) for name, meter in found.items()}
    row = UsageEvent.objects.filter(pk=event.pk).annotate(**values).values(*values).get()
    return [
        Metered(meter.slug, meter.aggregation, row[name])
        for name, meter in found.items()
        if row[name] is not None
    ]


def _value(measure: Measure) -> Any:
    """What the meter finds in an event, null when that is not for it."""
    value = Value(1) if measure.value is None else measure.expression()
    where = filter_q(measure.filter)
    return Case(When(where, then=value)) if where else value

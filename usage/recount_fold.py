"""Rollups made of events, totals and days of hours, row by row in Python: the same as usage.recount_sql."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from usage.dimensions import DIMENSIONS, live_events
from usage.models import Rollup
from usage.tally import Tally

Key = tuple[Any, ...]
"""`start`, then the values of DIMENSIONS."""

Sums = dict[Key, Tally]
USER = 1 + DIMENSIONS.index("user_id")


def hours_of_events(tenant_id: UUID, hours: list[datetime]) -> Sums:
    """The sums of these hours, from all of their live events."""
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    for hour in hours:
        events = live_events(tenant_id).filter(timestamp__gte=hour, timestamp__lt=hour + timedelta(hours=1))
        for *key, currency, cost, metrics in events.values_list(
            *DIMENSIONS, "currency", "cost", "metrics"
        ).iterator():
            found[hour, *key].add_event(currency, cost, metrics)
    return found


def totals_of_hours(tenant_id: UUID, hours: list[datetime]) -> Sums:
    """The totals of these hours, from their hour rows."""
    return totals(_rollups(tenant_id, Rollup.Level.HOUR, hours))


def day_of_hours(tenant_id: UUID, day: datetime, level: Rollup.Level) -> Sums:
    """The sums of a day, from those of its hours at a level."""
    hours = [day + timedelta(hours=number) for number in range(24)]
    return of_day(day, _rollups(tenant_id, level, hours))


def totals(rows: Iterable[tuple[Key, Tally]]) -> Sums:
    """Of all users together."""
    return _merged(((*key[:USER], "", *key[USER + 1 :]), tally) for key, tally in rows)


def of_day(day: datetime, rows: Iterable[tuple[Key, Tally]]) -> Sums:
    """Of all hours together."""
    return _merged(((day, *key[1:]), tally) for key, tally in rows)


def _merged(rows: Iterable[tuple[Key, Tally]]) -> Sums:
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    for key, tally in rows:
        found[key].add(tally.count, tally.costs, tally.metrics)
    return found


def _rollups(tenant_id: UUID, level: Rollup.Level, starts: list[datetime]) -> Iterator[tuple[Key, Tally]]:
    rows = Rollup.objects.filter(tenant_id=tenant_id, level=level, start__in=starts)
    for *key, count, costs, metrics in rows.values_list(
        "start", *DIMENSIONS, "count", "costs", "metrics"
    ).iterator():
        yield tuple(key), Tally().add(count, costs, metrics)

"""Rollups made of events, and days made of hours, row by row in Python: the same as usage.recount_sql."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from usage.dimensions import DIMENSIONS, live_events
from usage.models import Rollup
from usage.tally import Tally

Key = tuple[Any, ...]
"""`start`, then the values of DIMENSIONS."""


def hours_of_events(tenant_id: UUID, hours: list[datetime]) -> dict[Key, Tally]:
    """The sums of these hours, from all of their live events."""
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    for hour in hours:
        events = live_events(tenant_id).filter(timestamp__gte=hour, timestamp__lt=hour + timedelta(hours=1))
        for *key, currency, cost, metrics in events.values_list(
            *DIMENSIONS, "currency", "cost", "metrics"
        ).iterator():
            found[hour, *key].add_event(currency, cost, metrics)
    return found


def day_of_hours(tenant_id: UUID, day: datetime) -> dict[Key, Tally]:
    """The sums of a day, from its hour rows."""
    found: defaultdict[Key, Tally] = defaultdict(Tally)
    hours = Rollup.objects.filter(
        tenant_id=tenant_id, level=Rollup.Level.HOUR, start__gte=day, start__lt=day + timedelta(days=1)
    )
    for *key, count, costs, metrics in hours.values_list(*DIMENSIONS, "count", "costs", "metrics").iterator():
        found[day, *key].add(count, costs, metrics)
    return found

"""Are the rollups what their events add up to? Nothing here is changed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from accounts.exact import canonical
from accounts.models import Tenant
from accounts.models.fields import ExactJSONDecoder
from accounts.replica import reading
from accounts.snapshot import snapshot
from usage import recount_fold, recount_sql
from usage.dimensions import DIMENSIONS
from usage.models import Rollup
from usage.queries.cover import DAY, HOUR, ceiling, dirty_hours, floor
from usage.tally import Measure, Tally

MOST_DIFFERENCES: Final = 1000
Key = recount_fold.Key
Level = Rollup.Level


class Difference(NamedTuple):
    """One figure of a rollup that is not what its events add up to; None where there is none."""

    level: str
    start: datetime
    dimensions: dict[str, str]
    field: str
    stored: str | None
    recomputed: str | None


@dataclass(slots=True)
class Verdict:
    """`dirty` hours were not compared: nobody reads their sums. The first MOST_DIFFERENCES are kept."""

    hours: int = 0
    days: int = 0
    dirty: int = 0
    wrong: int = 0
    differences: list[Difference] = field(default_factory=list)

    def note(self, differences: Iterator[Difference]) -> None:
        for difference in differences:
            self.wrong += 1
            if len(self.differences) < MOST_DIFFERENCES:
                self.differences.append(difference)


def verify(*, tenant: Tenant, start: datetime, end: datetime, verdict: Verdict) -> Iterator[datetime]:
    """Compare the hours that overlap [start, end), and the days that lie within, at one moment.

    What is found goes into the verdict; each day is yielded when it is done.
    """
    start, end = floor(start, HOUR), ceiling(end, HOUR)
    with snapshot():
        dirty = dirty_hours(tenant=tenant, start=start, end=end)
        day = floor(start, DAY)
        while day < end:
            _verify_day(tenant, max(start, day), min(end, day + DAY), dirty, verdict)
            yield day
            day += DAY


def days_between(start: datetime, end: datetime) -> int:
    """How many days `verify` yields."""
    return -((floor(start, DAY) - end) // DAY)


def _verify_day(
    tenant: Tenant, start: datetime, end: datetime, dirty: set[datetime], verdict: Verdict
) -> None:
    every = [start + HOUR * place for place in range((end - start) // HOUR)]
    clean = [hour for hour in every if hour not in dirty]
    recounted = _recounted(tenant, clean)
    totals = recount_fold.totals(recounted.items())
    verdict.dirty += len(every) - len(clean)
    verdict.hours += len(clean)
    verdict.note(_compared(Level.HOUR, _stored(tenant, Level.HOUR, clean), recounted))
    verdict.note(_compared(Level.HOUR_TOTAL, _stored(tenant, Level.HOUR_TOTAL, clean), totals))
    if len(clean) == DAY // HOUR:
        verdict.days += 1
        for level, hours in ((Level.DAY, recounted), (Level.DAY_TOTAL, totals)):
            day = recount_fold.of_day(start, hours.items())
            verdict.note(_compared(level, _stored(tenant, level, [start]), day))


def _recounted(tenant: Tenant, hours: list[datetime]) -> dict[Key, Tally]:
    if connection.vendor != "postgresql":
        return recount_fold.hours_of_events(tenant.pk, hours)
    with reading().cursor() as cursor:
        cursor.execute(*recount_sql.hours_of_events(tenant.pk, hours))
        return {
            tuple(key): Tally().add(count, _read(costs), _read(metrics))
            for *key, count, costs, metrics in cursor.fetchall()
        }


def _read(text: str) -> Any:
    return json.loads(text, cls=ExactJSONDecoder)


def _stored(tenant: Tenant, level: Level, starts: list[datetime]) -> dict[Key, Tally]:
    rows = Rollup.objects.for_tenant(tenant).filter(level=level, start__in=starts)
    return {
        tuple(key): Tally().add(count, costs, metrics)
        for *key, count, costs, metrics in rows.values_list(
            "start", *DIMENSIONS, "count", "costs", "metrics"
        ).iterator()
    }


def _compared(level: Level, stored: dict[Key, Tally], recounted: dict[Key, Tally]) -> Iterator[Difference]:
    for key in sorted(stored.keys() | recounted.keys()):
        ours, theirs = _figures(stored.get(key)), _figures(recounted.get(key))
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                dimensions = dict(zip(DIMENSIONS, key[1:], strict=True))
                yield Difference(level.value, key[0], dimensions, name, ours.get(name), theirs.get(name))


def _figures(tally: Tally | None) -> dict[str, str]:
    """Each figure of a tally by its name, as plain text."""
    if tally is None:
        return {}
    figures = {"count": str(tally.count)}
    figures |= {f"costs.{currency}": canonical(cost) for currency, cost in tally.costs.items()}
    for name, measure in tally.metrics.items():
        for part in Measure._fields:
            figures[f"metrics.{name}.{part}"] = canonical(Decimal(getattr(measure, part)))
    return figures

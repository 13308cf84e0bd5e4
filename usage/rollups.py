"""Sums made again where events changed: the hours that are marked, and the days that they belong to.

The sums of an hour are always made of all of its live events, so they equal them by construction. Any
number of aggregators may run; a day of a tenant is one's at a time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from uuid_utils.compat import uuid7

from usage import recount_fold, recount_sql
from usage.dimensions import DIMENSIONS
from usage.models import DirtyHour, Rollup
from usage.tally import Tally

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MARKS_PER_LOOK: Final = 10_000
COLUMNS: Final = ", ".join(("start", *DIMENSIONS, "count", "costs", "metrics"))
# An aggregator that freezes between two statements would keep its day from all others for ever.
FROZEN: Final = "SET LOCAL idle_in_transaction_session_timeout = '30s'"
# Thousands of groups are to fit into memory, and the other processors are for those who wait for an answer.
MODEST: Final = "SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0"
# An hour that events still come for is made again when they pause, or after this long; until then whoever
# asks for it is told what its events add up to, and ingestion has the processors for itself.
PAUSE: Final = timedelta(seconds=30)
PATIENCE: Final = timedelta(minutes=10)
Level = Rollup.Level
DAY_OF: Final = {Level.DAY: Level.HOUR, Level.DAY_TOTAL: Level.HOUR_TOTAL}


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One day of one tenant: how many of its hours were made again, and how many were left marked."""

    tenant_id: UUID
    day: datetime
    hours: int
    left: int


def recompute_all(*, now: datetime | None = None) -> Iterator[Recomputed]:
    """Recompute what is marked, the day with the oldest mark first, each day in its own transaction.

    With a moment for `now`, hours stay marked that run then, or that events still come for.
    """
    started = uuid7()  # what is marked while we work is for the next run, or this one might never end
    seen = UUID(int=0)
    while True:
        marks = DirtyHour.objects.filter(pk__gt=seen, pk__lt=started).order_by("pk")
        found = list(marks.values_list("pk", "tenant_id", "hour")[:MARKS_PER_LOOK])
        if not found:
            return
        seen = found[-1][0]
        for tenant_id, day in dict.fromkeys((tenant_id, day_of(hour)) for _, tenant_id, hour in found):
            yield recompute(tenant_id=tenant_id, day=day, now=now)


def recompute(*, tenant_id: UUID, day: datetime, now: datetime | None = None) -> Recomputed:
    """Make the sums of a day's marked hours again, and those of the day once none of its hours is marked."""
    with transaction.atomic():
        _lock(tenant_id, day)
        hours, left = _take_marks(tenant_id, day, now)
        if hours:
            _write_hours(tenant_id, hours)
        if hours and not left:
            _write_day(tenant_id, day)
    return Recomputed(tenant_id, day, len(hours), left)


def day_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _lock(tenant_id: UUID, day: datetime) -> None:
    """One aggregator per tenant and day. A statement of its own: what follows sees all that the one before
    committed. On SQLite the transaction itself is the only one that writes.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            name = f"usage.rollups {tenant_id} {day:%Y-%m-%d}"
            cursor.execute(f"{FROZEN}; {MODEST}")
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _take_marks(tenant_id: UUID, day: datetime, now: datetime | None) -> tuple[list[datetime], int]:
    """Delete the marks of a day's hours that are due; those hours, and how many others stay marked.

    A mark that is committed a moment later stays, or is deleted as well: events are read after this, so every
    event under a mark that is deleted is among them.
    """
    marks = DirtyHour.objects.filter(tenant_id=tenant_id, hour__gte=day, hour__lt=day + DAY)
    spans: dict[datetime, tuple[UUID, UUID]] = {}
    for hour, mark in marks.order_by("pk").values_list("hour", "pk"):
        first, _ = spans.get(hour, (mark, mark))
        spans[hour] = first, mark
    waiting = [hour for hour, span in spans.items() if now is not None and _has_time(hour, *span, now)]
    due = sorted(spans.keys() - set(waiting))
    marks.filter(hour__in=due).delete()
    for hour in waiting:
        first, last = spans[hour]
        marks.filter(hour=hour, pk__gt=first, pk__lt=last).delete()  # two say all that the others do
    return due, len(waiting)


def _has_time(hour: datetime, first: UUID, last: UUID, now: datetime) -> bool:
    """Whether an hour had better be made again later; its first and last mark tell when events came for it.

    What seems to come from the future, by a clock that was wrong, keeps nobody waiting.
    """
    over = hour + HOUR
    if hour <= now < over:
        return True
    paused = now - _made_at(last)
    waited = now - max(_made_at(first), over)
    return timedelta(0) <= paused < PAUSE and waited < PATIENCE


def _made_at(mark: UUID) -> datetime:
    """By its id, a UUIDv7."""
    return datetime.fromtimestamp((mark.int >> 80) / 1000, UTC)


def _write_hours(tenant_id: UUID, hours: list[datetime]) -> None:
    _delete(tenant_id, (Level.HOUR, Level.HOUR_TOTAL), hours)
    if connection.vendor == "postgresql":
        _insert(tenant_id, Level.HOUR, recount_sql.hours_of_events(tenant_id, hours))
        _insert(tenant_id, Level.HOUR_TOTAL, recount_sql.totals_of_hours(tenant_id, hours))
    else:
        _create(tenant_id, Level.HOUR, recount_fold.hours_of_events(tenant_id, hours))
        _create(tenant_id, Level.HOUR_TOTAL, recount_fold.totals_of_hours(tenant_id, hours))


def _write_day(tenant_id: UUID, day: datetime) -> None:
    _delete(tenant_id, DAY_OF, [day])
    for level, hours in DAY_OF.items():
        if connection.vendor == "postgresql":
            _insert(tenant_id, level, recount_sql.day_of_hours(tenant_id, day, hours))
        else:
            _create(tenant_id, level, recount_fold.day_of_hours(tenant_id, day, hours))


def _delete(tenant_id: UUID, levels: Iterable[Level], starts: list[datetime]) -> None:
    Rollup.objects.filter(tenant_id=tenant_id, level__in=list(levels), start__in=starts).delete()


def _insert(tenant_id: UUID, level: Level, rows: recount_sql.Query) -> None:
    sql, params = rows
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Rollup._meta.db_table} (id, tenant_id, level, {COLUMNS})"  # noqa: S608
            f" SELECT gen_random_uuid(), %s, %s, {COLUMNS} FROM ({sql}) AS sums",
            [tenant_id, level, *params],
        )


def _create(tenant_id: UUID, level: Level, sums: dict[recount_fold.Key, Tally]) -> None:
    Rollup.objects.bulk_create(
        (Rollup(tenant_id=tenant_id, level=level, **fields_of(key, tally)) for key, tally in sums.items()),
        batch_size=500,
    )


def fields_of(key: recount_fold.Key, tally: Tally) -> dict[str, Any]:
    names = dict(zip(("start", *DIMENSIONS), key, strict=True))
    return {**names, "count": tally.count, "costs": tally.costs, "metrics": tally.metrics}

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
Level = Rollup.Level
DAY_OF: Final = {Level.DAY: Level.HOUR, Level.DAY_TOTAL: Level.HOUR_TOTAL}


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One day of one tenant: how many of its hours were made again, and how many were left marked."""

    tenant_id: UUID
    day: datetime
    hours: int
    left: int


def recompute_all(*, running: datetime | None = None) -> Iterator[Recomputed]:
    """Recompute what is marked now, the day with the oldest mark first, each day in its own transaction.

    `running` is a moment whose hour stays marked, as its next event would only mark it again.
    """
    started = uuid7()  # what is marked while we work is for the next run, or this one might never end
    while True:
        marks = DirtyHour.objects.filter(pk__lt=started).order_by("pk").values_list("tenant_id", "hour")
        days = dict.fromkeys((tenant_id, day_of(hour)) for tenant_id, hour in marks[:MARKS_PER_LOOK])
        if not days:
            return
        for tenant_id, day in days:
            yield recompute(tenant_id=tenant_id, day=day, running=running)


def recompute(*, tenant_id: UUID, day: datetime, running: datetime | None = None) -> Recomputed:
    """Make the sums of a day's marked hours again, and those of the day once none of its hours is marked."""
    with transaction.atomic():
        _lock(tenant_id, day)
        marked = _take_marks(tenant_id, day)
        left = {hour for hour in marked if running is not None and hour <= running < hour + HOUR}
        DirtyHour.objects.bulk_create(DirtyHour(tenant_id=tenant_id, hour=hour) for hour in left)
        hours = sorted(marked - left)
        if hours:
            _write_hours(tenant_id, hours)
        if hours and not left:
            _write_day(tenant_id, day)
    return Recomputed(tenant_id, day, len(hours), len(left))


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


def _take_marks(tenant_id: UUID, day: datetime) -> set[datetime]:
    """Delete the marks of a day; the hours that they named.

    Exactly those that are deleted are read: the mark of an event that is committed a moment later stays.
    Events are read after this, so every event under these marks is among them.
    """
    marks = DirtyHour.objects.filter(tenant_id=tenant_id, hour__gte=day, hour__lt=day + DAY)
    if connection.vendor != "postgresql":
        hours = set(marks.values_list("hour", flat=True))
        marks.delete()
        return hours
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {DirtyHour._meta.db_table}"  # noqa: S608
            " WHERE tenant_id = %s AND hour >= %s AND hour < %s RETURNING hour",
            [tenant_id, day, day + DAY],
        )
        return {hour for (hour,) in cursor.fetchall()}


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

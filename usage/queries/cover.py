"""Which sums make up a stretch of time, and where there are none, which events.

A whole UTC day without marks is its day rows, an hour without marks its hour rows, and the rest is raw:
marked hours, and what a window or a time zone cuts out of an hour.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import pairwise
from typing import Final, NamedTuple

from accounts.models import Tenant
from usage.models import DirtyHour

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ALWAYS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


class Source(Enum):
    DAYS = "day"
    HOURS = "hour"
    RAW = "raw"


class Segment(NamedTuple):
    """A half-open stretch of UTC, and where its events are counted."""

    source: Source
    start: datetime
    end: datetime


Level = tuple[Source, timedelta, list[datetime]]


def cover(*, tenant: Tenant, edges: Sequence[datetime]) -> list[Segment]:
    """The segments, in order, from the first to the last of the sorted edges; no row of theirs spans an edge.

    Marks are read before the sums that they speak of. So every event that is committed by now is either in
    the sums of its hour or under a mark seen here; the other way round, an event and the recomputation of
    its hour could both slip in between the two statements, and the event would be missed.
    """
    return segments(edges, dirty_hours(tenant=tenant, start=edges[0], end=edges[-1]))


def dirty_hours(*, tenant: Tenant, start: datetime, end: datetime) -> set[datetime]:
    """The hours overlapping [start, end) whose sums do not hold."""
    marks = DirtyHour.objects.for_tenant(tenant).filter(hour__gte=floor(start, HOUR), hour__lt=end)
    return set(marks.order_by().values_list("hour", flat=True).distinct())


def segments(edges: Sequence[datetime], dirty: set[datetime]) -> list[Segment]:
    """The cover when these hours are dirty."""
    levels: list[Level] = [
        (Source.DAYS, DAY, sorted({floor(hour, DAY) for hour in dirty})),
        (Source.HOURS, HOUR, sorted(dirty)),
    ]
    found: list[Segment] = []
    for start, end in pairwise(edges):
        for piece in _pieces(start, end, levels):
            if found and found[-1].source is piece.source:
                found[-1] = piece._replace(start=found[-1].start)
            else:
                found.append(piece)
    return found


def _pieces(start: datetime, end: datetime, levels: Sequence[Level]) -> Iterator[Segment]:
    """Whole clean units of the first level; dirty ones and both ends by the finer levels."""
    if start >= end:
        return
    if not levels:
        yield Segment(Source.RAW, start, end)
        return
    (source, unit, dirty), finer = levels[0], levels[1:]
    first, last = ceiling(start, unit), floor(end, unit)
    if first >= last:
        yield from _pieces(start, end, finer)
        return
    yield from _pieces(start, first, finer)
    for moment in dirty[bisect_left(dirty, first) : bisect_left(dirty, last)]:
        if first < moment:
            yield Segment(source, first, moment)
        first = moment + unit
        yield from _pieces(moment, first, finer)
    if first < last:
        yield Segment(source, first, last)
    yield from _pieces(last, end, finer)


def floor(moment: datetime, unit: timedelta) -> datetime:
    return moment - (moment - EPOCH) % unit


def ceiling(moment: datetime, unit: timedelta) -> datetime:
    """The last moment that there is, where the next unit would begin beyond it."""
    past = (EPOCH - moment) % unit
    return moment + past if moment < ALWAYS[1] - past else ALWAYS[1]

"""The calendar's minutes, hours, days, weeks and months in a time zone, as moments in UTC."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from accounts.errors import ValidationFailed

UNITS: Final = ("minute", "hour", "day", "week", "month")
MOST_WINDOWS: Final = 10_000


def window_edges(start: datetime, end: datetime, unit: str, zone: tzinfo) -> list[datetime]:
    """Where the half-open windows of [start, end) begin, and the end: the first and last are cut off.

    A day has 23 or 25 hours when the zone's clock is put on or back, a week begins on Monday, and an hour
    at a full hour of the zone. ValidationFailed when there are more than MOST_WINDOWS.
    """
    following = _NEXT[unit]
    edges = [start.astimezone(UTC)]
    moment = following(start, zone)
    while moment < end:
        edges.append(moment)
        if len(edges) > MOST_WINDOWS:
            raise ValidationFailed.field("window", f"more than {MOST_WINDOWS} windows; ask for larger ones.")
        moment = following(moment, zone)
    return [*edges, end.astimezone(UTC)]


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _next_day(moment: datetime, zone: tzinfo, days: int = 1) -> datetime:
    day = moment.astimezone(zone).date() + timedelta(days=days)
    found = _midnight(day, zone)
    # A zone that crossed the date line has a day without a moment in it.
    return found if found > moment else _midnight(day + timedelta(days=1), zone)


def _next_week(moment: datetime, zone: tzinfo) -> datetime:
    return _next_day(moment, zone, 7 - moment.astimezone(zone).weekday())


def _next_month(moment: datetime, zone: tzinfo) -> datetime:
    day = moment.astimezone(zone).date().replace(day=1)
    return _midnight((day + timedelta(days=31)).replace(day=1), zone)


def _next_minute(moment: datetime, zone: tzinfo) -> datetime:
    local = moment.astimezone(zone)
    past = timedelta(seconds=local.second, microseconds=local.microsecond)
    return moment.astimezone(UTC) - past + timedelta(minutes=1)


def _next_hour(moment: datetime, zone: tzinfo) -> datetime:
    """Where the clock next shows a full hour, or jumps over one."""
    following = moment.astimezone(UTC) + timedelta(hours=1)
    local = following.astimezone(zone)
    return following - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


_NEXT: Final[dict[str, Callable[[datetime, tzinfo], datetime]]] = {
    "minute": _next_minute,
    "hour": _next_hour,
    "day": _next_day,
    "week": _next_week,
    "month": _next_month,
}

"""Windows of the calendar: in the zone's own time, without gap or overlap."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import ValidationFailed
from usage.queries.calendar import MOST_WINDOWS, UNITS, window_edges

BERLIN, KOLKATA, LORD_HOWE, APIA, CAIRO = (
    ZoneInfo(name)
    for name in ("Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo")
)


def local(zone: ZoneInfo, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=zone)  # type: ignore[arg-type,misc]


def hours(start: datetime, end: datetime, unit: str, zone: ZoneInfo) -> list[float]:
    edges = window_edges(start, end, unit, zone)
    return [(b - a) / timedelta(hours=1) for a, b in pairwise(edges)]


def test_days_have_23_and_25_hours_when_the_clock_changes() -> None:
    assert hours(local(BERLIN, 2026, 3, 28), local(BERLIN, 2026, 3, 31), "day", BERLIN) == [24, 23, 24]
    assert hours(local(BERLIN, 2026, 10, 24), local(BERLIN, 2026, 10, 27), "day", BERLIN) == [24, 25, 24]


def test_hours_are_the_zones_own() -> None:
    start = datetime(2026, 3, 10, 0, 10, tzinfo=UTC)
    assert hours(start, start + timedelta(hours=1), "hour", KOLKATA) == [20 / 60, 40 / 60]
    assert hours(local(BERLIN, 2026, 10, 25), local(BERLIN, 2026, 10, 26), "hour", BERLIN) == [1] * 25
    half = hours(local(LORD_HOWE, 2026, 4, 5), local(LORD_HOWE, 2026, 4, 6), "hour", LORD_HOWE)
    assert half == [1, 0.5, *[1] * 23]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    weeks = window_edges(local(BERLIN, 2026, 3, 25), local(BERLIN, 2026, 4, 8), "week", BERLIN)
    assert weeks[1:3] == [local(BERLIN, 2026, 3, 30), local(BERLIN, 2026, 4, 6)]
    months = window_edges(local(BERLIN, 2025, 12, 31), local(BERLIN, 2026, 3, 1), "month", BERLIN)
    assert months[1:] == [local(BERLIN, 2026, m, 1) for m in (1, 2, 3)]


def test_a_day_that_never_was_is_left_out() -> None:
    assert hours(local(APIA, 2011, 12, 29), local(APIA, 2012, 1, 1), "day", APIA) == [24, 24]


def test_a_midnight_that_never_was_begins_when_the_clock_jumps() -> None:
    assert hours(local(CAIRO, 2026, 4, 23), local(CAIRO, 2026, 4, 25), "day", CAIRO) == [24, 23]


def test_the_number_of_windows_is_bounded() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert (
        len(window_edges(start, start + timedelta(minutes=MOST_WINDOWS), "minute", BERLIN))
        == MOST_WINDOWS + 1
    )
    with pytest.raises(ValidationFailed, match="more than 10000 windows"):
        window_edges(start, start + timedelta(minutes=MOST_WINDOWS + 1), "minute", BERLIN)


@given(
    st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=40)),
    st.sampled_from(UNITS[1:]),
    st.sampled_from([BERLIN, KOLKATA, LORD_HOWE, APIA, CAIRO]),
)
def test_windows_follow_each_other(start: datetime, length: timedelta, unit: str, zone: ZoneInfo) -> None:
    edges = window_edges(start, start + length, unit, zone)
    assert (edges[0], edges[-1]) == (start, start + length)
    assert all(a < b for a, b in pairwise(edges))
    if unit != "hour":
        assert len({edge.astimezone(zone).date() for edge in edges[1:-1]}) == len(edges[1:-1])

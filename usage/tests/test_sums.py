"""Sums from days, hours and raw events equal what the events add up to, in any window of any zone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Tenant
from usage.filters import read_filter
from usage.models import DirtyHour, UsageEvent
from usage.queries import sums as module
from usage.queries.calendar import window_edges
from usage.queries.cover import ALWAYS, Segment, Source, cover, dirty_hours, segments
from usage.queries.sums import Asked, Sum, sums
from usage.tally import Measure, Tally
from usage.tests.sums import DAY, HOUR, by_hand, make, mark, work

DAYS, HOURS, RAW = Source.DAYS, Source.HOURS, Source.RAW


def at(day: float, hour: float = 0) -> datetime:
    return DAY + timedelta(days=day, hours=hour)


@pytest.mark.parametrize(
    ("edges", "dirty", "expected"),
    [
        ([(0,), (3,)], [], [(DAYS, (0,), (3,))]),
        ([(0,), (1,), (3,)], [], [(DAYS, (0,), (3,))]),
        ([(0, 1), (1, 2)], [], [(HOURS, (0, 1), (1, 2))]),
        (
            [(0, 22.5), (2, 0.25)],
            [],
            [(RAW, (0, 22.5), (0, 23)), (HOURS, (0, 23), (1,)), (DAYS, (1,), (2,)), (RAW, (2,), (2, 0.25))],
        ),
        (
            [(0,), (3,)],
            [(1, 4), (1, 5), (2, 23)],
            [
                (DAYS, (0,), (1,)),
                (HOURS, (1,), (1, 4)),
                (RAW, (1, 4), (1, 6)),
                (HOURS, (1, 6), (2, 23)),
                (RAW, (2, 23), (3,)),
            ],
        ),
        (
            [(0, 18.5), (1, 18.5)],
            [],
            [(RAW, (0, 18.5), (0, 19)), (HOURS, (0, 19), (1, 18)), (RAW, (1, 18), (1, 18.5))],
        ),
        ([(0, 0.25), (0, 0.75)], [], [(RAW, (0, 0.25), (0, 0.75))]),
        ([(0, 0.5), (0, 1.5)], [], [(RAW, (0, 0.5), (0, 1.5))]),
        ([(0,), (0,)], [], []),
    ],
)  # fmt: skip
def test_the_pieces_of_a_window(edges: Any, dirty: Any, expected: Any) -> None:
    found = segments([at(*edge) for edge in edges], {at(*hour) for hour in dirty})
    assert found == [Segment(source, at(*start), at(*end)) for source, start, end in expected]


def test_a_mark_of_the_hour_that_the_window_begins_in_counts(acme: Tenant, rival: Tenant) -> None:
    mark(acme, DAY)
    mark(rival, at(0, 3))
    edges = [at(0, 0.5), at(0, 4)]
    assert cover(tenant=acme, edges=edges) == [
        Segment(RAW, edges[0], at(0, 1)),
        Segment(HOURS, at(0, 1), edges[1]),
    ]


def test_costs_by_currency_and_the_metrics_asked_for(acme: Tenant, rival: Tenant) -> None:
    for when, cost, currency in [(at(0), "0.1", "USD"), (at(0), 5, "EUR"), (at(0, 2), Decimal("0.2"), "USD")]:
        make(acme, when, billing_info={"total_cost": cost, "currency": currency}, metrics={"n": cost, "m": 1})
    make(acme, at(0), user_id="jonas", metrics={"n": Decimal("-1.5")})
    make(rival, at(0), metrics={"n": 99})
    work()
    make(acme, at(0, 3), metrics={"n": 2})
    found = sums(tenant=acme, edges=[at(0), at(1)], group_by=["user_id"], metrics=["n"], costs=True)
    assert [(row.start, row.group, row.tally.count) for row in found] == [
        (DAY, ("anna",), 4),
        (DAY, ("jonas",), 1),
    ]
    anna, jonas = (row.tally for row in found)
    assert anna.costs == {"USD": Decimal("0.3"), "EUR": 5}
    assert anna.metrics == {"n": Measure(3, Decimal("7.2"), Decimal("0.2"), Decimal(5))}
    minus = Decimal("-1.5")
    assert (jonas.costs, jonas.metrics) == ({}, {"n": Measure(1, minus, minus, minus)})


def test_nothing_is_nothing(acme: Tenant) -> None:
    assert sums(tenant=acme, edges=[at(0), at(1)], costs=True, metrics=["n"]) == []


def test_all_there_ever_was(acme: Tenant) -> None:
    make(acme, at(0))
    make(acme, datetime(1, 1, 1, tzinfo=UTC))
    work()
    make(acme, datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    assert [row.tally.count for row in sums(tenant=acme, edges=ALWAYS)] == [3]


def test_a_hundred_scattered_marks(acme: Tenant) -> None:
    UsageEvent.objects.bulk_create(
        UsageEvent(tenant=acme, event_id=str(hour), timestamp=at(0, hour + 0.5)) for hour in range(1000)
    )
    DirtyHour.objects.bulk_create(DirtyHour(tenant=acme, hour=at(0, hour)) for hour in range(1000))
    work()
    DirtyHour.objects.bulk_create(DirtyHour(tenant=acme, hour=at(0, hour)) for hour in range(0, 1000, 3))
    assert [row.tally.count for row in sums(tenant=acme, edges=[at(0), at(50)])] == [1000]


@pytest.mark.full
def test_an_amendment_between_the_marks_and_the_sums_counts_once(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It moves an event from an hour that was clean when the marks were read into one that was dirty."""
    old = make(acme, at(0, 1))
    work()
    mark(acme, at(0, 5))

    def amended(**asked: Any) -> set[datetime]:
        found = dirty_hours(**asked)
        UsageEvent.objects.filter(pk=old.pk).update(ended_at=DAY)
        mark(acme, old.timestamp)
        make(acme, at(0, 5), event_id=old.event_id, revision=1)
        return found

    monkeypatch.setattr(module, "dirty_hours", amended)
    assert [row.tally.count for row in sums(tenant=acme, edges=[at(0), at(1)])] == [1]


MOMENTS: Final = st.integers(0, 4 * 24 * 4).map(lambda quarter: at(-1, quarter / 4 + 1 / 60))
EVENTS: Final = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["anna", "jonas"]),
        "service_type": st.sampled_from(["compute", "llm_service"]),
        "metrics": st.dictionaries(st.sampled_from(["a", "b"]), st.decimals(-9, 9, places=3)),
        "billing_info": st.fixed_dictionaries(
            {"total_cost": st.decimals(-9, 9, places=3)},
            optional={"currency": st.sampled_from(["EUR", "CHF"])},
        ),
    }
)
ZONES: Final = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Apia"])
WHERE: Final = ['user_id = "anna"', 'service_type ^= "llm" or user_id != "anna"', "exists model", ""]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(MOMENTS, EVENTS), max_size=8),
    st.lists(st.tuples(MOMENTS, EVENTS), max_size=4),
    st.tuples(MOMENTS, MOMENTS).map(sorted),
    st.sampled_from(["hour", "day", "week", "month"]),
    ZONES,
    st.sets(st.sampled_from(["user_id", "service_type", "model"])).map(sorted),
    st.sampled_from(WHERE),
)
def test_any_window_equals_brute_force(
    acme: Tenant, clean: Any, late: Any, window: Any, unit: str, zone: str, group_by: list[str], where: str
) -> None:
    edges = window_edges(window[0], window[1] + HOUR / 7, unit, ZoneInfo(zone))
    with transaction.atomic():
        events = [make(acme, moment, **fields) for moment, fields in clean]
        work()
        events += [make(acme, moment, **fields) for moment, fields in late]
        for event in events:
            event.model = ""  # type: ignore[attr-defined]
        expected: list[Sum] = []
        for start, end in pairwise(edges):
            inside = [e for e in events if start <= e.timestamp < end and _matches(e, where)]
            tallies = sorted(by_hand(inside, *group_by).items())
            expected += [Sum(start, group, tally) for group, tally in tallies]
        asked = Asked(acme, edges, read_filter(where), group_by, ["a", "b"], True)
        assert sums(**asked._asdict()) == expected
        if connection.vendor == "postgresql":
            folded = module._by_fold(asked)
            assert folded == {(row.start, row.group): row.tally for row in expected}
        transaction.set_rollback(True)


def _matches(event: UsageEvent, where: str) -> bool:
    anna = event.user_id == "anna"
    return bool([anna, event.service_type == "llm_service" or not anna, False, True][WHERE.index(where)])


def test_a_tally_adds_up_beyond_28_digits() -> None:
    tally = Tally()
    for number in (10**37, Decimal("1E-30")):
        tally.add_event("USD", Decimal(number), {"n": number})
    total = Decimal("10000000000000000000000000000000000000.000000000000000000000000000001")
    assert (tally.costs, tally.metrics["n"].sum) == ({"USD": total}, total)

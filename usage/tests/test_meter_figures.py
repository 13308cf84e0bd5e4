"""A meter's figures equal those of brute force over the events, to the last digit."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.errors import Conflict, ValidationFailed
from accounts.models import Tenant
from tests.builders import make_tenant
from usage.filters import read_filter
from usage.models import Meter, UsageEvent
from usage.queries import integrals, meters
from usage.queries.measures import measure_of
from usage.queries.meters import Question, meter_query, raw_figures
from usage.rollups import recompute_all
from usage.sql import float_share
from usage.tests import brute
from usage.tests.sums import mark

pytestmark = pytest.mark.every_case

NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
DAY: Final = Question(NOON, NOON + 24 * HOUR)


def make(tenant: Tenant, *rows: dict[str, Any]) -> list[UsageEvent]:
    fixed = {"user_id": "anna", "service_type": "compute", "service_provider": "aws", "event_type": "hours"}
    start = UsageEvent.objects.count()
    events = [
        UsageEvent(tenant=tenant, **{**fixed, "event_id": f"e{start + number}", "timestamp": NOON, **row})
        for number, row in enumerate(rows)
    ]
    for event in events:
        mark(tenant, event.timestamp)
    return UsageEvent.objects.bulk_create(events)


def meter(tenant: Tenant, aggregation: str, value: str = "metrics.n", **fields: Any) -> Meter:
    return Meter(tenant=tenant, slug="m", name="M", aggregation=aggregation, value=value, **fields)


def figure(tenant: Tenant, aggregation: str, value: str = "metrics.n", **fields: Any) -> Decimal | None:
    (row,) = meter_query(meter=meter(tenant, aggregation, value, **fields), question=DAY).rows
    return row.value


def n(*values: Any) -> list[dict[str, Any]]:
    return [{"metrics": {"n": value}} for value in values]


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [("count", "4"), ("sum", "110.5"), ("avg", "27.625"), ("min", "0.2"), ("max", "100"), ("unique", "4")],
)
def test_only_events_with_the_number_count(
    acme: Tenant, rival: Tenant, aggregation: str, expected: str
) -> None:
    make(acme, *n(Decimal("0.2"), 10, 100, Decimal("0.30"), "text", None, True), {})
    make(rival, *n(7))
    assert figure(acme, aggregation) == Decimal(expected)


def test_texts_count_by_their_text(acme: Tenant) -> None:
    values: list[Any] = ["a", "b", "a", Decimal("1.0"), 1, None, {}]
    make(acme, *({"metadata": {"k": value}} for value in values))
    assert figure(acme, "count", "metadata.k") == Decimal(5)
    assert figure(acme, "unique", "metadata.k") == Decimal(3)
    assert figure(acme, "unique", "user_id") == Decimal(1)


def test_what_is_made_of_no_event(acme: Tenant) -> None:
    assert [figure(acme, a) for a in ("count", "sum", "unique")] == [0, 0, 0]
    assert [figure(acme, a) for a in ("avg", "min", "max", "latest", "time_weighted")] == [None] * 5
    assert figure(acme, "percentile", percentile=Decimal(95)) is None


def test_what_has_ended_does_not_count(acme: Tenant) -> None:
    make(acme, *n(1), {"metrics": {"n": 10}, "ended_at": NOON})
    assert figure(acme, "sum") == 1


def test_the_interval_is_half_open(acme: Tenant) -> None:
    tick = timedelta(microseconds=1)
    make(acme, *({"timestamp": at} for at in (NOON - tick, NOON, DAY.end - tick, DAY.end)))
    assert figure(acme, "count", "1") == 2


def test_one_per_event(acme: Tenant) -> None:
    make(acme, {}, {})
    assert [figure(acme, "count", "1"), figure(acme, "sum", "1")] == [2, 2]


@pytest.mark.parametrize(
    ("percentile", "expected"), [("50", 5), ("50.001", 6), ("7", 1), ("95", 10), ("100", 10), ("0.001", 1)]
)
def test_a_percentile_is_by_nearest_rank(acme: Tenant, percentile: str, expected: int) -> None:
    make(acme, *n(*range(10, 0, -1)))
    assert figure(acme, "percentile", percentile=Decimal(percentile)) == expected


def test_a_percentile_does_not_suffer_from_floats(acme: Tenant) -> None:
    make(acme, *n(*range(1, 101)))
    assert figure(acme, "percentile", percentile=Decimal(7)) == 7  # 0.07 * 100 is above 7 in floats


@given(thousandths=st.integers(1, 100_000), count=st.integers(1, 10**9))
@example(thousandths=7_000, count=100)
@example(thousandths=99_999, count=10**9)
def test_no_share_of_any_count_is_rounded_to_another_rank(thousandths: int, count: int) -> None:
    share = Decimal(thousandths) / 100_000
    assert math.ceil(float_share(share) * count) == math.ceil(share * count)


def test_what_has_no_number_is_passed_over_by_a_percentile(acme: Tenant) -> None:
    make(acme, *n(3, 1, 2), {"metrics": {"n": "9"}}, {"metrics": {"n": 9}, "ended_at": NOON})
    make(acme, {"user_id": "bert", "metrics": {"other": 9}})
    by_user = Question(DAY.start, DAY.end, group_by=(("user_id",),))
    found = meter_query(meter=meter(acme, "percentile", percentile=Decimal(100)), question=by_user)
    assert [(row.group, row.value) for row in found.rows] == [(("anna",), Decimal(3))]


def test_latest_is_by_timestamp_and_then_id(acme: Tenant) -> None:
    make(acme, {"metrics": {"n": 5}, "timestamp": NOON + HOUR}, *n(7))
    assert figure(acme, "latest") == 5
    make(acme, {"metrics": {"n": 6}, "timestamp": NOON + HOUR})
    assert figure(acme, "latest") == 6


def test_time_weighted_carries_what_was_in_force(acme: Tenant) -> None:
    make(
        acme,
        {"metrics": {"n": 8}, "timestamp": NOON - 100 * HOUR},
        {"metrics": {"n": 2}, "timestamp": NOON + 6 * HOUR},
    )
    assert figure(acme, "time_weighted") == Decimal("3.5")


def test_time_weighted_is_nothing_before_the_first_value(acme: Tenant) -> None:
    make(acme, {"metrics": {"n": 12}, "timestamp": NOON + 18 * HOUR})
    assert figure(acme, "time_weighted") == 3


def test_groups_and_windows_in_order(acme: Tenant) -> None:
    rows = [("b", 0), ("ä", 0), ("B", 25), (None, 0), ("b", 0)]
    make(acme, *({"metadata": {"k": k}, "timestamp": NOON + h * HOUR} for k, h in rows))
    question = Question(NOON, NOON + 48 * HOUR, "day", ZoneInfo("Europe/Berlin"), (("metadata", "k"),))
    found = meter_query(meter=meter(acme, "count", "1"), question=question).rows
    midnight = datetime(2026, 3, 10, 23, tzinfo=UTC)
    assert [(row.start, row.end, *row.group, str(row.value)) for row in found] == [
        (NOON, midnight, None, "1"), (NOON, midnight, "b", "2"), (NOON, midnight, "ä", "1"),
        (midnight, midnight + 24 * HOUR, "B", "1"),
    ]  # fmt: skip


def test_both_filters_hold(acme: Tenant) -> None:
    make(acme, *({"user_id": user, **row} for user in ("anna", "jonas") for row in n(1, 10)))
    only = Question(DAY.start, DAY.end, filter=read_filter("metrics.n > 5"))
    rows = meter_query(meter=meter(acme, "sum", filter='user_id = "anna"'), question=only).rows
    assert [row.value for row in rows] == [10]


def test_the_answer_is_bounded(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    make(acme, *({"user_id": user, **n(1)[0]} for user in "abc"))
    question = Question(DAY.start, DAY.end, group_by=(("user_id",),))
    monkeypatch.setattr(meters, "MOST_ROWS", 2)
    for aggregation in ("count", "time_weighted"):
        with pytest.raises(ValidationFailed, match="more than 2 rows"):
            meter_query(meter=meter(acme, aggregation), question=question)
    monkeypatch.setattr(integrals, "MOST_STEPS", 2)
    with pytest.raises(ValidationFailed, match="more than 2 events"):
        meter_query(meter=meter(acme, "time_weighted"), question=DAY)


@pytest.mark.parametrize(
    ("aggregation", "value", "words", "group_by", "source"),
    [
        ("sum", "metrics.n", 'model = "x" and user_id ^= "a"', [("user_id",), ("model",)], "rollup"),
        ("avg", "metrics.n", "", [], "rollup"),
        ("count", "1", "", [("service_type",)], "rollup"),
        ("count", "metadata.k", "", [], "raw"),
        ("sum", "metrics.n.deep", "", [], "raw"),
        ("unique", "metrics.n", "", [], "raw"),
        ("sum", "metrics.n", 'metadata.model = "x"', [], "raw"),
        ("sum", "metrics.n", "", [("metadata", "model")], "raw"),
        ("sum", "metrics.n", "", [("event_id",)], "raw"),
    ],
)
def test_the_rollups_serve_where_they_know_enough(
    acme: Tenant, aggregation: str, value: str, words: str, group_by: Any, source: str
) -> None:
    question = Question(DAY.start, DAY.end, group_by=tuple(group_by), filter=read_filter(words))
    assert meter_query(meter=meter(acme, aggregation, value), question=question).source == source


def test_a_meter_that_is_off_says_so(acme: Tenant) -> None:
    with pytest.raises(Conflict, match="switched off"):
        meter_query(meter=meter(acme, "count", "1", is_active=False), question=DAY)


SPRING: Final = datetime(2026, 3, 28, 20, tzinfo=UTC)
ZONES: Final = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")]
PATHS: Final = [("user_id",), ("model",), ("metadata", "k"), ("service_type",)]
FILTERS: Final = ["", 'user_id = "a"', 'model in ("x", "")', "metrics.n > 1"]
numbers = st.one_of(st.integers(-3, 3), st.decimals(-9, 9, places=2), st.just("2"), st.none())
keys = st.sampled_from(["model", "tier", "k"])
events = st.fixed_dictionaries(
    {
        "timestamp": st.timedeltas(timedelta(hours=-30), timedelta(days=3)).map(lambda past: SPRING + past),
        "user_id": st.sampled_from(["a", "b"]),
        "metrics": st.fixed_dictionaries({"n": numbers}),
        "metadata": st.dictionaries(keys, st.sampled_from(["x", "y", 1]), max_size=2),
        "ended_at": st.sampled_from([None, None, None, SPRING]),
    }
)
questions = st.builds(
    Question,
    start=st.sampled_from([SPRING, SPRING + timedelta(minutes=95), SPRING - timedelta(days=1)]),
    end=st.sampled_from([SPRING + timedelta(days=2), SPRING + timedelta(hours=26, microseconds=7)]),
    window=st.sampled_from(["none", "hour", "day", "week", "month"]),
    zone=st.sampled_from(ZONES),
    group_by=st.lists(st.sampled_from(PATHS), max_size=2, unique=True).map(tuple),
    filter=st.sampled_from(FILTERS).map(read_filter),
)
DEFINITIONS: Final = [
    *((aggregation, "metrics.n") for aggregation in Meter.Aggregation.values),
    ("count", "1"), ("sum", "1"), ("count", "metadata.k"), ("unique", "metadata.k"),
]  # fmt: skip


class TestEveryFigure(TestCase):
    @settings(max_examples=25)
    @given(
        st.lists(events, min_size=10, max_size=25),
        questions,
        st.sampled_from(["", 'user_id != "b"', "exists model", "exists metadata.k"]),
        st.decimals(Decimal("0.001"), 100, places=3),
        st.integers(0, 25),
    )
    def test_equals_brute_force_by_either_road(
        self,
        rows: list[dict[str, Any]],
        question: Question,
        words: str,
        share: Decimal,
        summed: int,
    ) -> None:
        tenant = make_tenant("acme")
        made = make(tenant, *rows[:summed])
        for _ in recompute_all():
            pass
        made += make(tenant, *rows[summed:])
        make(make_tenant("rival"), *rows)
        for aggregation, value in DEFINITIONS:
            percentile = share if aggregation == "percentile" else None
            one = meter(tenant, aggregation, value, filter=words, percentile=percentile)
            expected = brute.figures(one, question, made)
            found = meter_query(meter=one, question=question).rows
            edges = question.edges()
            raw = raw_figures(one, measure_of(one), question, edges)
            by_events = {(edges[place - 1], group): value for (place, group), value in raw.items() if value}
            assert by_events == {key: value for key, value in expected.items() if value}
            if expected:
                assert {(row.start, row.group): row.value for row in found} == expected, (aggregation, value)
            else:
                assert all(not row.value for row in found)

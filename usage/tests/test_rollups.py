"""Rollups equal their events, whoever recomputes them, and whatever is committed meanwhile."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import JSONField, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Tenant
from usage import recount_sql, rollups
from usage.dimensions import live_events
from usage.exact import cost_of
from usage.models import DirtyHour, Rollup, UsageEvent
from usage.rollups import recompute, recompute_all
from usage.tests.sums import DAY, HOUR, assert_exact, kept, make, mark, work


def test_an_hour_and_its_day(acme: Tenant) -> None:
    make(acme, DAY + HOUR, metrics={"n": Decimal("0.1"), "text": "9"}, billing_info={"total_cost": "0.10"})
    make(
        acme,
        DAY + HOUR * 1.5,
        metrics={"n": Decimal("0.2")},
        billing_info={"total_cost": 2, "currency": "EUR"},
    )
    make(acme, DAY + HOUR * 5, metrics={"n": 7, "m": True}, metadata={"tier": "gold"})
    assert work() == [rollups.Recomputed(acme.pk, DAY, 2, 0)]
    dims = ("compute", "aws", "hours", "anna")
    first = (2, {"USD": Decimal("0.1"), "EUR": 2}, {"n": [2, Decimal("0.3"), Decimal("0.1"), Decimal("0.2")]})
    second: tuple[Any, ...] = (1, {}, {"n": [1, 7, 7, 7]})
    assert kept(acme, "hour") == {(DAY + HOUR, *dims, ""): first, (DAY + 5 * HOUR, *dims, "gold"): second}
    assert kept(acme, "day") == {(DAY, *dims, ""): first, (DAY, *dims, "gold"): second}
    assert work() == []


@pytest.mark.parametrize("odd", [["n", 1], "n", 7, True, Value(None, JSONField())])
def test_metrics_that_are_no_object_count_as_none(acme: Tenant, odd: Any) -> None:
    """None is let in any more, but older rows are there."""
    make(acme, DAY, metrics={"n": 1, "m": 2})
    make(acme, DAY, metrics=odd)
    work()
    ((_, row),) = kept(acme, "hour").items()
    assert row == (2, {}, {"n": [1, 1, 1, 1], "m": [1, 2, 2, 2]})


def test_late_voided_and_amended_events_need_only_their_marks(acme: Tenant) -> None:
    gone, moved, _ = (make(acme, DAY + HOUR * place, metrics={"n": place}) for place in (1, 2, 3))
    work()
    UsageEvent.objects.filter(pk__in=[gone.pk, moved.pk]).update(ended_at=DAY)
    mark(acme, gone.timestamp)
    mark(acme, moved.timestamp)
    make(acme, DAY + 30 * HOUR, event_id=moved.event_id, revision=1, metrics={"n": Decimal("2.5")})
    make(acme, DAY + HOUR * 3, metrics={"n": 10**37})
    assert work() == [
        rollups.Recomputed(acme.pk, DAY, 3, 0),
        rollups.Recomputed(acme.pk, DAY + 24 * HOUR, 1, 0),
    ]
    assert_exact(acme)
    assert {key[0]: row[0] for key, row in kept(acme, "hour").items()} == {
        DAY + 3 * HOUR: 2,
        DAY + 30 * HOUR: 1,
    }


def test_only_marked_hours_are_made_again(acme: Tenant) -> None:
    for place in range(3):
        make(acme, DAY + HOUR * place)
    work()
    before = set(Rollup.objects.filter(level="hour").values_list("pk", flat=True))
    make(acme, DAY + HOUR)
    work()
    assert len(before & set(Rollup.objects.filter(level="hour").values_list("pk", flat=True))) == 2
    assert_exact(acme)


def test_the_running_hour_keeps_its_first_and_last_mark(acme: Tenant) -> None:
    for _ in range(3):
        make(acme, DAY + HOUR)
    make(acme, DAY)
    found = list(recompute_all(now=DAY + HOUR * 1.5))
    assert found == [rollups.Recomputed(acme.pk, DAY, 1, 1)]
    assert list(DirtyHour.objects.values_list("hour", flat=True)) == [DAY + HOUR] * 2
    assert {key[0] for key in kept(acme, "hour")} == {DAY}
    assert kept(acme, "day") == {}
    work()
    assert_exact(acme)


def marks_at(tenant: Tenant, hour: datetime, moments: list[datetime]) -> list[UUID]:
    """Marks of an hour, made at these moments."""
    ids = [UUID(int=int(moment.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62) for moment in moments]
    DirtyHour.objects.bulk_create(DirtyHour(id=mark, tenant=tenant, hour=hour) for mark in ids)
    return ids


@pytest.mark.parametrize(
    ("ended", "marked", "waits"),
    [
        (HOUR, [10], True),
        (HOUR, [29.9], True),
        (HOUR, [30], False),
        (HOUR, [3599, 30], False),
        (HOUR, [599, 300, 200, 1], True),
        (HOUR, [600, 300, 1], False),
        (HOUR / 12, [3600, 1], True),  # nobody waits for an hour before it is over
        (HOUR / 6, [3600, 1], False),
        (HOUR, [-1], False),  # a clock was wrong
        (HOUR * 24, [-3600, -7200], False),
    ],
)
def test_an_hour_that_events_still_come_for_waits(
    acme: Tenant, ended: timedelta, marked: list[float], waits: bool
) -> None:
    """So many seconds ago it was marked; meanwhile readers look at its events, as they do at marked hours."""
    make(acme, DAY)
    DirtyHour.objects.all().delete()
    now = DAY + HOUR + ended
    ids = marks_at(acme, DAY, [now - timedelta(seconds=ago) for ago in marked])
    (found,) = recompute_all(now=now)
    assert found == rollups.Recomputed(acme.pk, DAY, int(not waits), int(waits))
    kept_marks = set(DirtyHour.objects.values_list("pk", flat=True))
    assert kept_marks == ({ids[0], ids[-1]} if waits else set())
    assert bool(kept(acme, "hour")) is not waits
    work()
    assert_exact(acme)


def test_another_tenants_sums_are_left_alone(acme: Tenant, rival: Tenant) -> None:
    make(acme, DAY)
    make(rival, DAY, metrics={"n": 1})
    recompute(tenant_id=acme.pk, day=DAY)
    assert DirtyHour.objects.for_tenant(rival).count() == 1
    assert kept(rival, "hour") == {}
    work()
    assert_exact(rival)


NUMBERS: Final = st.one_of(
    st.integers(-(10**37), 10**37),
    st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**12), max_value=10**12),
    st.sampled_from([Decimal("1E-30"), Decimal("-0.0"), Decimal("1E+30"), True, "7", None, [1], {"a": 1}]),
)
COSTS: Final = st.one_of(
    NUMBERS,
    st.from_regex(r"\A[+-]?[0-9]{0,33}[.]?[0-9]{0,3}([eE][+-]?[0-9]{1,2})?\Z"),
    st.sampled_from(["1e9999999", "NaN", "Infinity", " 1", "1_0", "٣", "1\n", ".", "", "-.5e-30", "5.e30"]),
)
PEOPLE: Final = st.sampled_from(["anna", "Ä", "a"])
MODELS: Final = st.one_of(st.none(), st.just(""), st.text("mé", min_size=253, max_size=257), st.just(4))
EVENTS: Final = st.fixed_dictionaries(
    {
        "user_id": PEOPLE,
        "metrics": st.dictionaries(st.sampled_from(["a", "b", "", 'q"']), NUMBERS, max_size=3),
        "billing_info": st.fixed_dictionaries(
            {}, optional={"total_cost": COSTS, "currency": st.sampled_from(["EUR", "", None, 5, "x" * 20])}
        ),
        "metadata": st.fixed_dictionaries({}, optional={"model": MODELS, "tier": MODELS}),
    }
)


@settings(max_examples=60)
@given(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 3), EVENTS), min_size=1, max_size=8))
def test_both_roads_make_equal_sums(
    acme: Tenant, named: int, events: list[tuple[int, dict[str, Any]]]
) -> None:
    """On PostgreSQL SQL makes them, and Python from the same rows; on SQLite this proves the days."""
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(recount_sql, "NAMED", named)
        for hour, fields in events:
            make(acme, DAY + HOUR * hour, **fields)
        work()
        assert_exact(acme)
        costs = live_events(acme.pk).values_list("billing_info", "cost")
        assert all(cost == cost_of(billing.get("total_cost")) for billing, cost in costs)
        transaction.set_rollback(True)

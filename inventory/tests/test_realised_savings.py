"""What was done is held against costs 7 and 30 complete days later, once each."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine

from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from inventory.models import RealisedSaving, Recommendation
from inventory.queries.recommendations import realised_totals
from inventory.services.realised import realised_check
from inventory.services.recommendations import recommendation_done
from inventory.services.recommending import recommendations_compute
from inventory.tests.bills import bill, load
from inventory.tests.test_recommending import billed, stock

DONE: Final = datetime(2026, 3, 31, 12, tzinfo=UTC)
FIRST: Final = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(DONE, tick=False) as moved:
        yield moved


def done(tenant: Tenant) -> Recommendation:
    stock(tenant, 1)
    billed(tenant, 1)
    recommendations_compute(by=SYSTEM, tenant=tenant)
    row = Recommendation.objects.get(rule="idle_machine", tenant=tenant)
    return recommendation_done(by=SYSTEM, row=row, reason="Off.")


def told(tenant: Tenant, days: int, after: int, **fields: Any) -> None:
    """12 a day up to the day it was done on, then `after` for so many days; another resource goes on."""
    rows = []
    for n in range(31 + days):
        day = FIRST + timedelta(days=n)
        rows.append(bill(day, 5, resource_id="i-other"))
        if amount := 12 if n < 31 else after:
            rows.append(bill(day, amount, **{"resource_id": "i-1", **fields}))
    load(tenant, rows)


def measured() -> list[tuple[Any, ...]]:
    rows = RealisedSaving.objects.order_by("days")
    return [(row.days, row.before, row.after, row.saving_monthly) for row in rows]


def test_it_waits_for_complete_days_and_is_told_once(acme: Tenant, rival: Tenant, clock: Any) -> None:
    done(acme)
    clock.move_to(DONE + timedelta(days=7))
    told(acme, 6, 0)
    assert realised_check() == 0  # the seventh day is not over
    clock.move_to(DONE + timedelta(days=8))
    told(acme, 7, 0)
    assert (realised_check(), realised_check()) == (1, 0)
    assert measured() == [(7, Decimal(12), Decimal(0), Decimal(365))]
    clock.move_to(DONE + timedelta(days=31))
    told(acme, 30, 3)
    assert (realised_check(), realised_check()) == (1, 0)
    assert measured()[1] == (30, Decimal(12), Decimal(3), Decimal("273.75"))
    entries = ActivityEntry.objects.filter(type="recommendation.verified").order_by("seq")
    assert [(entry.payload["days"], entry.payload["saving_monthly"]) for entry in entries] == [
        (7, "365"), (30, "273.75"),
    ]  # fmt: skip
    assert realised_totals(acme) == [
        ("USD", 7, 1, Decimal(365), Decimal(365)), ("USD", 30, 1, Decimal(365), Decimal("273.75")),
    ]  # fmt: skip


def test_what_costs_more_afterwards_is_a_loss(acme: Tenant, clock: Any) -> None:
    done(acme)
    clock.move_to(DONE + timedelta(days=8))
    told(acme, 7, 24)
    realised_check()
    assert measured() == [(7, Decimal(12), Decimal(24), Decimal(-365))]


def test_other_currencies_and_unnamed_costs_say_nothing(acme: Tenant, clock: Any) -> None:
    row = done(acme)
    clock.move_to(DONE + timedelta(days=8))
    told(acme, 7, 0, currency="EUR")
    assert realised_check() == 1
    assert measured() == [(7, None, None, None)]
    assert (realised_totals(acme), row.realised.count()) == ([], 1)


def test_what_was_not_done_is_not_looked_after(acme: Tenant, clock: Any) -> None:
    stock(acme, 1)
    billed(acme, 1)
    recommendations_compute(by=SYSTEM, tenant=acme)
    clock.move_to(DONE + timedelta(days=40))
    told(acme, 38, 0)
    assert (realised_check(), RealisedSaving.objects.count()) == (0, 0)


def test_the_disks_of_a_stopped_machine_count(acme: Tenant, clock: Any) -> None:
    stock(acme, 1, state="stopped", details={"state_since": "2025-01-01"}, utilization={})
    stock(acme, 2, resource_type="disk", state="in-use", details={"attached_to": "i-1", "size": "gp3"})
    billed(acme, 2)
    recommendations_compute(by=SYSTEM, tenant=acme)
    row = Recommendation.objects.get(rule="stopped_machine")
    recommendation_done(by=SYSTEM, row=row, reason="Deleted.")
    clock.move_to(DONE + timedelta(days=8))
    told(acme, 7, 0, resource_id="i-2")
    assert realised_check() == 1
    assert measured() == [(7, Decimal(12), Decimal(0), Decimal(365))]

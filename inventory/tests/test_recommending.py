"""A computation opens, updates and closes; said once; what people said of it stays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine
from django.db import transaction

from accounts.errors import Conflict
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from inventory.models import Recommendation, RecommendationRun, Resource, RuleSetting
from inventory.queries.recommendations import saving_totals
from inventory.rules import judging
from inventory.services.bulk import Sent, resources_bulk
from inventory.services.recommendations import (
    recommendation_dismiss,
    recommendation_done,
    recommendation_open,
    recommendation_snooze,
)
from inventory.services.recommending import recommendations_compute, run_start
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource

NOW: Final = datetime(2026, 3, 31, 12, tzinfo=UTC)
THROUGH: Final = date(2026, 3, 30)
IDLE: Final = {"cpu": 1, "cpu_max": 4, "network": 100, "days": 14, "coverage": 99, "idle_hours": 84}


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def stock(tenant: Tenant, *numbers: int, **fields: Any) -> None:
    """Machines that are idle and billed 12 a day."""
    told = {"utilization": IDLE, "details": {"size": "m6i.large"}, **fields}
    rows = [resource(number, **told) for number in numbers]
    assert resources_bulk(by=SYSTEM.enter(tenant.slug), sent=Sent(rows)).errors == []


def billed(tenant: Tenant, *numbers: int, days: int = 30, daily: Any = 12) -> None:
    rows = [THROUGH - timedelta(days=n) for n in range(days)]
    load(tenant, [bill(day, daily, resource_id=f"i-{number}") for number in numbers for day in rows])


def compute(tenant: Tenant, **given: Any) -> tuple[int, int, int]:
    run = recommendations_compute(by=SYSTEM, tenant=tenant, **given)
    assert run.state == "done"
    return run.opened, run.updated, run.closed


def rows(status: str = "open") -> dict[tuple[str, str], Decimal]:
    found = Recommendation.objects.filter(status=status)
    return {(row.native_id, row.rule): row.saving_monthly for row in found}


def test_it_opens_updates_and_closes_each_once(acme: Tenant, rival: Tenant) -> None:
    stock(acme, 1, 2)
    billed(acme, 1, 2)
    stock(rival, 9)
    assert compute(acme) == (4, 0, 0)
    assert rows() == {
        ("i-1", "idle_machine"): Decimal(365), ("i-1", "off_hours"): Decimal("182.5"),
        ("i-2", "idle_machine"): Decimal(365), ("i-2", "off_hours"): Decimal("182.5"),
    }  # fmt: skip
    ids = set(Recommendation.objects.values_list("pk", flat=True))
    assert compute(acme) == (0, 0, 0)
    billed(acme, 1, 2, daily=24)
    assert compute(acme) == (0, 4, 0)
    stock(acme, 1, utilization={**IDLE, "cpu": 60, "idle_hours": 0})
    assert compute(acme) == (0, 0, 2)
    assert set(rows("closed")) == {("i-1", "idle_machine"), ("i-1", "off_hours")}
    stock(acme, 1)
    assert compute(acme) == (2, 0, 0)
    assert set(Recommendation.objects.values_list("pk", flat=True)) == ids
    assert not Recommendation.objects.filter(tenant=rival).exists()


def test_each_computation_is_told_in_one_entry(acme: Tenant) -> None:
    stock(acme, 1)
    stock(acme, 2, details={})
    billed(acme, 1, 2)
    compute(acme)
    entry = ActivityEntry.objects.get(type__startswith="recommendation")
    assert entry.payload == {
        "id": str(RecommendationRun.objects.get().pk), "resources": 2, "opened": 4, "updated": 0, "closed": 0,
        "undetermined": 2, "saving_monthly": {"USD": "730"},
    }  # fmt: skip
    verdicts = RecommendationRun.objects.get().verdicts
    assert verdicts["idle_machine"] == {"found": 2, "undetermined": 0, "missing": {}}
    assert {name: said["missing"] for name, said in verdicts.items() if said["missing"]} == {
        "oversized_machine": {"details:size": 1}, "old_generation": {"details:size": 1},
    }  # fmt: skip


def test_savings_on_one_resource_are_not_added_twice(acme: Tenant) -> None:
    stock(acme, 1, 2)
    billed(acme, 1)
    stock(acme, 2, currency="EUR", cost_monthly=73, cost_daily=None)
    Resource.objects.filter(resource_id="i-2").update(cost_daily=None)
    compute(acme)
    assert [total[:4] for total in saving_totals(acme)] == [
        ("EUR", Decimal(73), Decimal("109.5"), Decimal(0)),
        ("USD", Decimal(365), Decimal("547.5"), Decimal(0)),
    ]  # fmt: skip
    row = Recommendation.objects.get(native_id="i-1", rule="idle_machine")
    others = Recommendation.objects.filter(native_id="i-1").exclude(pk=row.pk)
    with transaction.atomic():  # of two currencies the tenant's own counts, however much the other says
        others.update(currency="JPY", saving_monthly=90_000)
        assert [total[:3] for total in saving_totals(acme)][1:] == [
            ("JPY", Decimal(0), Decimal(90_000)), ("USD", Decimal(365), Decimal(365)),
        ]  # fmt: skip
        transaction.set_rollback(True)
    recommendation_dismiss(by=SYSTEM, row=row, reason="We need it.")
    assert saving_totals(acme)[1][:3] == ("USD", Decimal("182.5"), Decimal("182.5"))


def test_what_people_said_stays(acme: Tenant, clock: Any) -> None:
    stock(acme, 1, 2, 3)
    billed(acme, 1, 2, 3)
    compute(acme)
    found = {row.native_id: row for row in Recommendation.objects.filter(rule="idle_machine")}
    Recommendation.objects.exclude(rule="idle_machine").delete()
    RuleSetting.objects.create(tenant=acme, rule="off_hours", is_enabled=False)
    recommendation_dismiss(by=SYSTEM, row=found["i-1"], reason="No.")
    recommendation_snooze(by=SYSTEM, row=found["i-2"], until=NOW + timedelta(days=2), reason="Later.")
    recommendation_done(by=SYSTEM, row=found["i-3"], reason="Off.")
    assert compute(acme) == (0, 0, 0)
    clock.move_to(NOW + timedelta(days=3))
    assert compute(acme)[0] == 1
    assert set(rows()) == {("i-2", "idle_machine")}
    clock.move_to(NOW + timedelta(days=31))
    assert compute(acme)[0] == 1
    assert set(rows()) == {("i-2", "idle_machine"), ("i-3", "idle_machine")}
    assert set(rows("dismissed")) == {("i-1", "idle_machine")}


def test_what_cannot_be_judged_any_more_stays_open_and_says_what_it_lacks(acme: Tenant) -> None:
    stock(acme, 1)
    billed(acme, 1)
    compute(acme)
    stock(acme, 1, utilization={})
    assert compute(acme) == (0, 2, 0)
    row = Recommendation.objects.get(rule="idle_machine")
    assert (row.status, row.saving_monthly) == ("open", Decimal(365))
    assert row.missing == ["utilization:cpu", "utilization:cpu_max", "utilization:network"]
    assert compute(acme) == (0, 0, 0)
    stock(acme, 1)
    compute(acme)
    assert Recommendation.objects.get(rule="idle_machine").missing == []


def test_what_is_gone_and_what_is_switched_off_is_closed_and_what_others_opened_is_not(acme: Tenant) -> None:
    stock(acme, 1, 2)
    billed(acme, 1, 2)
    compute(acme)
    two = Resource.objects.get(resource_id="i-2")
    recommendation_open(by=SYSTEM, tenant=acme, rule="custom:1", resource=two, description="Look.")
    Resource.objects.get(resource_id="i-1").delete()
    RuleSetting.objects.create(tenant=acme, rule="off_hours", is_enabled=False)
    assert compute(acme) == (0, 0, 3)
    assert set(rows()) == {("i-2", "idle_machine"), ("i-2", "custom:1")}


def test_thresholds_of_a_tenant_count(acme: Tenant, rival: Tenant) -> None:
    for tenant in (acme, rival):
        stock(tenant, 1, utilization={**IDLE, "cpu": 8})
        billed(tenant, 1)
    RuleSetting.objects.create(tenant=acme, rule="idle_machine", thresholds={"cpu": 10})
    assert (compute(acme)[0], compute(rival)[0]) == (2, 1)
    row = Recommendation.objects.get(rule="idle_machine")
    assert (row.tenant, row.evidence["thresholds"]["cpu"]) == (acme, 10)


def test_one_at_a_time_and_one_that_died_is_given_up(acme: Tenant, rival: Tenant, clock: Any) -> None:
    dead = run_start(by=SYSTEM, tenant=acme)
    run_start(by=SYSTEM, tenant=rival)
    with pytest.raises(Conflict):
        compute(acme)
    clock.move_to(NOW + timedelta(minutes=21))
    assert compute(acme) == (0, 0, 0)
    dead.refresh_from_db()
    assert dead.state == "failed"


def test_one_that_fails_says_so_and_can_be_tried_again(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    stock(acme, *range(6))
    billed(acme, *range(6))
    monkeypatch.setattr(judging, "CHUNK", 4)
    with monkeypatch.context() as patch:
        seen: list[Any] = []

        def fail(self: Any, rows: Any) -> Any:
            seen.append(rows)
            if len(seen) == 2:
                raise OSError("The disk is full.")
            return {}

        patch.setattr(judging.Judge, "_since", fail)
        with pytest.raises(OSError, match="full"):
            compute(acme)
    said = RecommendationRun.objects.get()
    assert (said.state, "disk" in said.message) == ("failed", False)
    assert Recommendation.objects.count() == 8  # of the first chunk
    assert compute(acme) == (4, 0, 0)
    assert Recommendation.objects.count() == 12


def test_queries_go_with_chunks_and_not_with_resources(
    acme: Tenant, django_assert_max_num_queries: Any
) -> None:
    stock(acme, *range(50))
    billed(acme, *range(50))
    with django_assert_max_num_queries(50):
        compute(acme)
    with django_assert_max_num_queries(50):
        compute(acme)

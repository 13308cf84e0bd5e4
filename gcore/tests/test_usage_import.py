"""Gcore's usage in the ledger: once, corrected when Gcore corrects itself, and with its reasons."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from accounts.models import ActivityEntry, AuditEntry, Tenant
from accounts.principals import SYSTEM, Principal
from gcore.models import ClientMapping, ProviderImport, ReportJob
from gcore.services import imports
from gcore.services.imports import import_again, import_step, imports_ask, imports_plan
from gcore.services.provider_usage import usage_file
from gcore.simulator import Simulator
from gcore.tests.imports import DAY, bring, live, says, work_all, work_on
from gcore.tests.reports import CLIENT, STRANGER, map_client
from usage.models import Correction, DuplicateReceipt, UsageEvent
from usage.services.corrections import event_amend, event_void

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapping(acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller) -> ClientMapping:
    return map_client(acme)


def test_a_day_comes_in_as_events_of_provider_usage(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    says(gcore_simulator, ("92", "41.5000", "GB"), ("94", "0.0323", "pcs"), ("92", "0.5000", "GB"))
    run = bring(mapping, clock)
    assert (run.state, run.counts, run.error) == ("completed", {"stored": 2}, "")
    assert live(acme) == [("92", "42.0000", "GB", 0), ("94", "0.0323", "pcs", 0)]
    event = UsageEvent.objects.get(event_type="92")
    assert (event.user_id, event.service_type, event.service_provider) == (CLIENT, "provider_usage", "gcore")
    assert event.timestamp == datetime(2026, 3, 5, tzinfo=UTC)
    assert event.event_id.startswith(f"gcore:{CLIENT}:2026-03-05:cdn:")
    assert event.metadata == {"product": "cdn", "feature_name": "Feature 92", "unit": "GB"}
    assert event.billing_info == {}
    told = ActivityEntry.objects.get(type="gcore_import.completed").payload
    assert told["stored"] == 2
    assert told["gcore_user_id"] == CLIENT


def test_importing_twice_changes_nothing(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    says(gcore_simulator, ("92", "41.5000", "GB"), ("94", "0.0323", "pcs"))
    bring(mapping, clock)
    before = list(UsageEvent.objects.values_list("pk", "event_id", "revision", "ended_at"))
    run = bring(mapping, clock)
    assert run.counts == {"unchanged": 2}
    assert list(UsageEvent.objects.values_list("pk", "event_id", "revision", "ended_at")) == before
    assert not Correction.objects.exists()
    assert not DuplicateReceipt.objects.exists()
    assert ActivityEntry.objects.filter(type="gcore_import.completed").count() == 1
    assert ReportJob.objects.count() == 2  # it was asked for anew, and not answered with what was fresh


def test_a_correction_of_gcores_replaces_and_is_audited(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    says(gcore_simulator, ("92", "41.5", "GB"), ("94", "3", "pcs"), ("108", "7", "pcs"))
    bring(mapping, clock)
    says(gcore_simulator, ("92", "40", "GB"), ("108", "7", "pcs"), ("301", "2", "GB"))
    run = bring(mapping, clock)
    assert run.counts == {"amended": 1, "voided": 1, "unchanged": 1, "stored": 1}
    assert live(acme) == [("108", "7", "pcs", 0), ("301", "2", "GB", 0), ("92", "40", "GB", 1)]
    amended, voided = Correction.objects.order_by("kind")
    assert amended.changes == {"metrics": [{"usage": Decimal("41.5")}, {"usage": Decimal(40)}]}
    assert amended.reason == f"Gcore's report {run.job_id} says 40."
    assert voided.reason == f"Gcore's report {run.job_id} has it no more."
    assert {amended.actor, voided.actor} == {"gcore-import"}
    assert amended.is_genuine
    assert AuditEntry.objects.filter(action__in=("event.amended", "event.voided"), tenant=acme).count() == 2


def test_what_gcore_takes_back_and_tells_again_counts_once(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    for rows, expected in [
        ([("92", "1", "GB")], [("92", "1", "GB", 0)]),
        ([], []),
        ([("92", "1", "GB")], [("92", "1", "GB", 0)]),
        ([("92", "1024", "MB")], [("92", "1024", "MB", 0)]),  # the same in another unit is not the same
        ([("92", "3", "GB")], [("92", "3", "GB", 0)]),
        ([("92", "4", "GB")], [("92", "4", "GB", 1)]),
    ]:
        says(gcore_simulator, *rows)
        bring(mapping, clock)
        assert live(acme) == expected
    ids = (
        UsageEvent.objects.filter(metadata__unit="GB").order_by("event_id").values_list("event_id", flat=True)
    )
    first = ids[0]
    assert list(ids) == [first, f"{first}~1", f"{first}~2", f"{first}~2"]


def test_what_somebody_corrected_by_hand_stays_theirs(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    says(gcore_simulator, ("92", "1", "GB"), ("94", "3", "pcs"))
    bring(mapping, clock)
    by = Principal(kind="user", actor="user:anna@example.com", tenant=acme)
    ids = {e.event_type: e.event_id for e in UsageEvent.objects.all()}
    event_void(by=by, event_id=ids["92"], reason="Not ours.")
    event_amend(by=by, event_id=ids["94"], reason="By contract.", changes={"metrics": {"usage": 2}})
    says(gcore_simulator, ("92", "5", "GB"), ("94", "6", "pcs"))
    assert bring(mapping, clock).counts == {"held": 2}
    assert live(acme) == [("94", "2", "pcs", 1)]
    says(gcore_simulator)
    assert bring(mapping, clock).counts == {"held": 2}
    assert live(acme) == [("94", "2", "pcs", 1)]


def test_days_products_and_clients_do_not_touch_each_other(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    other = map_client(acme, STRANGER)
    says(gcore_simulator, ("92", "1", "GB"))
    bring(mapping, clock)
    bring(mapping, clock, day=DAY + timedelta(days=1))
    bring(mapping, clock, kind="cloud")
    says(gcore_simulator, ("92", "8", "GB"), client=STRANGER)
    bring(other, clock)
    assert sorted(row[1] for row in live(acme)) == ["1", "1", "1", "8"]
    says(gcore_simulator)
    assert bring(mapping, clock).counts == {"voided": 1}
    assert sorted(row[1] for row in live(acme)) == ["1", "1", "8"]


def test_the_report_of_a_night_is_of_that_day_alone(
    acme: Tenant, mapping: ClientMapping, clock: time_machine.Traveller
) -> None:
    run = bring(mapping, clock, kind="waap")
    assert run.job
    assert (run.job.start_date, run.job.end_date, run.job.product) == (DAY, DAY, "waap")
    assert [(feature, unit) for feature, _, unit, _ in live(acme)] == [("17001", "MLN"), ("17002", "pcs")]


def test_a_night_plans_yesterday_of_each_mapped_customer_and_every_missed_day(
    acme: Tenant, mapping: ClientMapping, clock: time_machine.Traveller
) -> None:
    kinds = ["cdn", "cloud", "expenses", "waap"]
    assert imports_plan() == 4
    planned = ProviderImport.objects.order_by("kind").values_list("kind", "day", "state")
    assert list(planned) == [(kind, date(2026, 3, 9), "waiting") for kind in kinds]
    assert imports_plan() == 0
    clock.move_to(datetime(2026, 3, 11, 2, 59, tzinfo=UTC))
    assert imports_plan() == 0  # before the hour
    clock.move_to(datetime(2026, 3, 14, 3, 0, tzinfo=UTC))
    assert imports_plan() == 16
    assert set(ProviderImport.objects.values_list("day", flat=True)) == {
        date(2026, 3, d) for d in range(9, 14)
    }
    clock.move_to(datetime(2026, 8, 1, 3, 0, tzinfo=UTC))
    imports_plan()
    days = set(ProviderImport.objects.filter(day__gt=date(2026, 3, 13)).values_list("day", flat=True))
    assert (min(days), max(days), len(days)) == (date(2026, 6, 27), date(2026, 7, 31), 35)


def test_customers_that_are_not_to_be_imported_are_not(
    acme: Tenant, rival: Tenant, mapping: ClientMapping
) -> None:
    ClientMapping.objects.filter(pk=mapping.pk).update(is_imported=False)
    gone = map_client(rival, STRANGER)
    Tenant.objects.filter(pk=rival.pk).update(is_active=False)
    assert gone.is_imported
    assert imports_plan() == 0
    assert not ProviderImport.objects.exists()


def test_a_day_is_asked_for_once_more_when_it_is_settled(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    clock.move_to(datetime(2026, 3, 10, 4, tzinfo=UTC))
    says(gcore_simulator, ("92", "1", "GB"))
    imports_plan()
    work_all(clock)
    clock.move_to(datetime(2026, 3, 11, 23, 59, tzinfo=UTC))
    imports_plan()
    states = ProviderImport.objects.filter(day=date(2026, 3, 9)).values_list("state", flat=True)
    assert set(states.all()) == {"completed"}
    clock.move_to(datetime(2026, 3, 12, 0, 1, tzinfo=UTC))
    imports_plan()
    assert set(states.all()) == {"waiting"}
    says(gcore_simulator, ("92", "2", "GB"))
    work_all(clock)
    assert set(states.all()) == {"completed"}
    assert imports_plan() == 0
    values = UsageEvent.objects.live().filter(timestamp__day=9).values_list("metrics", flat=True)
    assert {str(metrics["usage"]) for metrics in values} == {"2"}


def test_a_day_that_fails_is_tried_again_and_given_up_in_the_end(
    acme: Tenant, mapping: ClientMapping, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    gcore_simulator.state.set_knobs(outcome="Failed", notes=["No data for the period"])
    run = bring(mapping, clock)
    assert (run.state, run.tries) == ("waiting", 1)
    assert run.error == "Gcore could not make the report: No data for the period"
    assert run.next_step_at
    assert round((run.next_step_at - datetime.now(UTC)).total_seconds()) == 900
    while run.is_pending:
        work_on(run, clock)
        run.refresh_from_db()
    ended = ProviderImport.objects.get()
    assert (ended.state, ended.tries, ended.next_step_at) == ("failed", 6, None)
    assert ReportJob.objects.count() == 6
    assert ActivityEntry.objects.filter(type="gcore_import.failed").count() == 1
    gcore_simulator.state.set_knobs(outcome="Completed", notes=[])
    import_again(by=SYSTEM, run=ended)
    work_all(clock)
    ended.refresh_from_db()
    assert (ended.state, ended.tries, ended.error) == ("completed", 0, "")


def test_two_workers_do_not_do_the_same_step(
    acme: Tenant, mapping: ClientMapping, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first files the rows; after its lease it may, and finds all done."""
    (run_id,) = imports_ask(wishes=[imports.Wish(mapping, "cdn", DAY)])
    run = ProviderImport.objects.get(pk=run_id)
    work_on(run, clock)
    run.refresh_from_db()
    filed = usage_file
    met: list[bool] = []

    def slow(**given: Any) -> dict[str, int]:
        met.append(import_step(run_id=run_id))
        return filed(**given)

    monkeypatch.setattr(imports, "usage_file", slow)
    work_on(run, clock)
    assert met == [False]
    assert UsageEvent.objects.count() == 3


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["report_request", "usage_file", "_complete", "deed"])
def test_an_import_survives_its_worker(
    acme: Tenant,
    mapping: ClientMapping,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """Killed right after it, the day comes in with the lease's end, once."""
    done = getattr(imports, where)

    def dies(*args: object, **given: object) -> None:
        done(*args, **given)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(imports, where, dies)
        with pytest.raises(Killed):
            bring(mapping, clock)
    run = bring(mapping, clock)
    assert (run.state, run.counts) == ("completed", {"stored": 3})
    assert UsageEvent.objects.count() == 3
    assert ReportJob.objects.filter(state="completed").count() == 1
    assert ActivityEntry.objects.filter(type="gcore_import.completed").count() == 1

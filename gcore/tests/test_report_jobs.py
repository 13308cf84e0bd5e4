"""A report ends, always, and with the rows of its own customer or none."""

import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine

from accounts.errors import Conflict, PermissionRefused
from accounts.models import ActivityEntry, AuditEntry, Tenant
from accounts.principals import SYSTEM, Principal
from gcore.models import ReportAside, ReportBundle, ReportJob, ReportRow
from gcore.services import report_rows
from gcore.services.report_steps import report_step
from gcore.services.reports import (
    bundle_delete,
    bundle_request,
    report_cancel,
    report_delete,
    report_request,
    report_retry,
)
from gcore.simulator import Simulator
from gcore.tasks import poll_report, sweep_reports
from gcore.tests.reports import CLIENT, STRANGER, WANTED, again, ask, rows_of, step, work

pytestmark = pytest.mark.django_db


def calls(gcore: Simulator) -> list[str]:
    """What was asked of Gcore for reports, without the ids."""
    kinds = {"POST": "create", "GET": "status", "DELETE": "delete"}
    reports = [call for call in gcore.state.calls if "/reports" in call.path and "templates" not in call.path]
    return ["download" if call.path.endswith("download") else kinds[call.method] for call in reports]


def test_a_report_goes_its_way_step_by_step(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    gcore_simulator.state.set_knobs(job_polls=3)
    job = ask(acme)
    seen = []
    while job.is_running:
        job = step(job, clock)
        seen.append((job.state, job.progress, job.upstream_state))
    assert seen == [
        ("queued", 10, ""),
        ("queued", 10, "Pending"),
        ("generating", 30, "InProgress"),
        ("downloading", 50, "Completed"),
        ("downloading", 70, "Completed"),
        ("completed", 100, "Completed"),
    ]
    assert calls(gcore_simulator) == ["create", "status", "status", "status", "download"]
    assert (job.attempts, job.next_poll_at, job.error, job.aside_rows) == (6, None, "", 0)
    assert {row[1] for row in rows_of(job)} == {CLIENT}
    assert {row[2] for row in rows_of(job)} == {"2362", "2363", "2372", "13107"}
    assert (job.row_count, job.other_rows) == (4, 8)
    with job.raw.open("rb") as raw:
        body = raw.read()
    assert (job.size, job.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert STRANGER.encode() in body  # the file is as it came
    told = list(ActivityEntry.objects.for_tenant(acme).order_by("seq").values_list("type", "payload__count"))
    assert told == [("report.requested", None), ("report.completed", 4)]


def test_gcore_is_asked_more_and_more_seldom(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    gcore_simulator.state.set_knobs(outcome="Pending")
    job, waits = ask(acme), []
    while job.is_running:
        job = step(job, clock)
        if job.next_poll_at:
            waits.append(round((job.next_poll_at - datetime.now(UTC)).total_seconds()))
    assert waits[:7] == [10, 15, 22, 34, 51, 60, 60]
    assert job.finished_at is not None
    assert round((job.finished_at - job.created_at).total_seconds()) == 600


@pytest.mark.parametrize(
    ("knobs", "state", "error"),
    [
        ({"outcome": "Failed", "notes": ["No data", "Try later"]}, "failed",
         "Gcore could not make the report: No data; Try later"),
        ({"outcome": "Failed"}, "failed", "Gcore could not make the report: Failed"),
        ({"outcome": "Cancelled"}, "cancelled", "Gcore cancelled the report."),
        ({"outcome": "Pondering"}, "timed_out", "It was not finished within 600 s."),
        ({"job_seconds": 10**6}, "timed_out", "It was not finished within 600 s."),
        ({"hidden_products": ["CLOUD"]}, "failed", "Gcore lists no features of Cloud."),
        ({"oddities": ["no_client_column"]}, "failed", "Gcore's file was refused. The layout is unknown: "
         "there is no column for client id. It begins: Company name,Feature ID,Feature name,Metric value,"
         "Region ID,Region name,Resource ID,Resource name,Unit name"),
        ({"oddities": ["unknown_layout"]}, "failed", "Gcore's file was refused. The layout is unknown: "
         "there is no column for client id, feature name, metric value, unit name."),
        ({"file": ""}, "failed", "Gcore's file was refused. The file is empty."),
    ],
)  # fmt: skip
def test_every_end_that_is_not_good(
    acme: Tenant,
    gcore_simulator: Simulator,
    clock: time_machine.Traveller,
    knobs: Any,
    state: str,
    error: str,
) -> None:
    gcore_simulator.state.set_knobs(**knobs)
    job = work(ask(acme), clock)
    assert (job.state, job.error) == (state, error)
    assert (job.next_poll_at, job.row_count) == (None, 0)
    assert not ReportRow.objects.exists()
    assert ActivityEntry.objects.filter(type=f"report.{state}").count() == 1


def test_a_refused_file_is_kept_with_its_first_lines(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    gcore_simulator.state.set_knobs(table=[["Company", "Usage"], ["Someone Else", "7"]])
    job = work(ask(acme), clock)
    assert job.first_lines == "Company,Usage\nSomeone Else,7"
    assert "Someone" not in job.error
    assert job.raw.size == job.size > 0


@pytest.mark.parametrize(
    "fault",
    [
        {"path": ".*/reports", "method": "POST", "status": 502, "body": "<html>Bad Gateway</html>"},
        {"path": ".*/reports/[^/]+", "status": 429, "headers": {"Retry-After": "120"}},
        {"path": ".*/download", "cut": 20},
        {"path": ".*/contents", "drop": True},
    ],
)
def test_what_may_go_well_later_is_tried_again(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, waits: Any, fault: Any
) -> None:
    gcore_simulator.state.add_fault(**fault, times=4)  # all attempts of one step
    job = ask(acme)
    errors = set()
    while job.is_running:
        job = step(job, clock)
        errors.add(job.error)
    assert (job.state, job.row_count, job.error) == ("completed", 4, "")
    assert len(errors) == 2


@pytest.mark.parametrize("steps", [1, 2])
def test_a_report_that_gcore_has_lost_is_asked_for_anew(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, steps: int
) -> None:
    job = ask(acme)
    for _ in range(steps):
        job = step(job, clock)
    gcore_simulator.state.tasks.clear()
    job = step(job, clock)
    assert (job.state, job.upstream_id) == ("requested", "")
    assert "404" in job.error
    job = work(job, clock)
    assert (job.state, job.row_count, job.error) == ("completed", 4, "")


def test_one_that_it_loses_again_and_again_ends_in_time(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    gcore_simulator.state.add_fault(path=".*/reports/[0-9a-f-]{36}", status=404, times=1000)
    job = work(ask(acme), clock)
    assert job.state == "timed_out"
    assert len(gcore_simulator.state.tasks) < 20


def test_gcores_wish_to_be_left_alone_is_heeded(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    job = step(ask(acme), clock)
    gcore_simulator.state.add_fault(path=".*/reports/[^/]+", status=429, headers={"Retry-After": "120"})
    job = step(job, clock)
    assert job.next_poll_at is not None
    assert round((job.next_poll_at - datetime.now(UTC)).total_seconds()) == 120
    assert "429" in job.error
    assert job.state == "queued"


def test_gcore_away_for_good_ends_with_its_last_words(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, waits: Any
) -> None:
    gcore_simulator.state.add_fault(status=502, body='{"message": "down for repair"}', times=10_000)
    job = work(ask(acme), clock)
    assert job.state == "timed_out"
    assert job.error.startswith("It was not finished within 600 s. Gcore answered")
    assert "down for repair" in job.error


def test_rows_that_cannot_be_read_are_kept_aside_and_zeros_left_out(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = ["Client ID", "Feature ID", "Feature name", "Metric value", "Unit name", "Region name"]
    values = ["1.5", "n/a", "0", "2,000.25", "NaN", "-3", "1,5"]
    table = [[CLIENT, "92", "Delivery", value, "GB", "Europe"] for value in values]
    gcore_simulator.state.set_knobs(
        table=[header, *table, [STRANGER, "92", "Delivery", "9", "GB", ""], ["x"]]
    )
    monkeypatch.setattr(report_rows, "MOST_ASIDES", 3)
    monkeypatch.setattr(report_rows, "BATCH", 2)
    job = work(ask(acme), clock)
    assert [row[3] for row in rows_of(job)] == [Decimal("1.5"), Decimal("2000.25"), Decimal(-3)]
    assert (job.row_count, job.zero_rows, job.other_rows, job.aside_rows) == (3, 1, 1, 4)
    assert job.columns == ["region_name"]
    asides = ReportAside.objects.filter(job=job).values_list("position", "reason", "text")
    assert list(asides) == [
        (3, "'n/a' is no number", f"{CLIENT},92,Delivery,n/a,GB,Europe"),
        (6, "'NaN' is no number", f"{CLIENT},92,Delivery,NaN,GB,Europe"),
        (8, "'1,5' is no number", f"{CLIENT},92,Delivery,1,5,GB,Europe"),
    ]


def test_a_report_that_runs_or_is_fresh_is_used_again(
    acme: Tenant, rival: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    job = ask(acme)
    assert ask(acme) == job
    assert ask(acme, product="cdn") != job
    assert ask(rival) != job
    forced = ask(acme, refresh=True)
    assert forced != job
    ReportJob.objects.exclude(pk=forced.pk).delete()
    work(forced, clock)
    clock.shift(899)
    assert ask(acme) == forced
    clock.shift(2)
    assert ask(acme) != forced


@pytest.mark.parametrize("outcome", ["Failed", "Cancelled"])
def test_a_report_that_did_not_succeed_is_not(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, outcome: str
) -> None:
    gcore_simulator.state.set_knobs(outcome=outcome)
    job = work(ask(acme), clock)
    assert ask(acme) != job


def test_only_clients_of_the_tenant_or_staff(acme: Tenant) -> None:
    member = Principal(kind="user", actor="user:m@example.com", tenant=acme)
    with pytest.raises(PermissionRefused, match=f"{CLIENT} is not mapped"):
        report_request(by=member, tenant=acme, product="cdn", wanted=WANTED)
    with pytest.raises(PermissionRefused):
        bundle_request(by=member, tenant=acme, wanted=WANTED)
    assert not ReportJob.objects.exists()
    assert report_request(by=SYSTEM, tenant=acme, product="cdn", wanted=WANTED).account.name == "default"


def test_a_step_is_done_by_one_worker_when_it_is_due(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = step(ask(acme), clock)
    assert not report_step(job_id=job.pk)  # not due
    assert calls(gcore_simulator) == ["create"]
    clock.move_to(job.next_poll_at + timedelta(seconds=1))  # type: ignore[operator]
    ReportJob.objects.filter(pk=job.pk).update(next_poll_at=datetime.now(UTC) + timedelta(seconds=60))
    assert not report_step(job_id=job.pk)  # claimed by another
    assert calls(gcore_simulator) == ["create"]


def test_a_worker_is_asked_for_each_step_and_the_sweep_finds_what_was_forgotten(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, asked: list[Any], committed: Any
) -> None:
    with committed(execute=True):
        job = ask(acme)
    assert asked == [(job.pk, 0.0)]
    with committed(execute=True):
        poll_report(str(job.pk))
    assert asked[1:] == [(job.pk, 10.0)]
    with committed(execute=True):
        sweep_reports()
    assert len(asked) == 2
    clock.shift(16)
    with committed(execute=True):
        sweep_reports()
    assert asked[2:] == [(job.pk, 0)]
    work(job, clock)
    clock.shift(3600)
    del asked[:]
    sweep_reports()
    assert asked == []


def test_a_report_is_called_off(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    job = step(ask(acme), clock)
    report_cancel(by=SYSTEM, job=job)
    job = again(job)
    assert (job.state, job.next_poll_at, job.error) == ("cancelled", None, "It was called off.")
    clock.shift(3600)
    assert not report_step(job_id=job.pk)
    assert calls(gcore_simulator) == ["create"]
    with pytest.raises(Conflict):
        report_cancel(by=SYSTEM, job=job)
    assert AuditEntry.objects.filter(action="report.cancelled").count() == 1


def test_called_off_in_the_midst_of_a_step_it_stays_so(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(acme)
    while not job.raw:
        job = step(job, clock)
    inserted = report_rows._insert

    def called_off(*args: Any) -> None:
        inserted(*args)
        report_cancel(by=SYSTEM, job=job)

    monkeypatch.setattr(report_rows, "_insert", called_off)
    clock.move_to(job.next_poll_at)
    assert report_step(job_id=job.pk)
    assert again(job).state == "cancelled"


def test_a_failed_report_is_tried_again_from_the_start(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    gcore_simulator.state.set_knobs(file="nonsense")
    job = work(ask(acme), clock)
    gcore_simulator.state.set_knobs(file=None)
    report_retry(by=SYSTEM, job=job)
    job = work(job, clock)
    assert (job.state, job.row_count, job.first_lines) == ("completed", 4, "")
    with pytest.raises(Conflict):
        report_retry(by=SYSTEM, job=job)


def test_a_report_is_removed_with_rows_and_file(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, committed: Any
) -> None:
    job, kept = work(ask(acme), clock), work(ask(acme, product="cdn"), clock)
    with committed(execute=True):
        report_delete(by=SYSTEM, job=job)
    assert list(ReportJob.objects.all()) == [kept]
    assert {row.job for row in ReportRow.objects.all()} == {kept}
    assert not Path(job.raw.path).exists()
    assert Path(kept.raw.path).exists()


def test_all_products_share_reports_with_single_requests(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    cdn = ask(acme, product="cdn")
    bundle = bundle_request(by=SYSTEM, tenant=acme, wanted=WANTED)
    assert bundle.cdn == cdn
    assert bundle_request(by=SYSTEM, tenant=acme, wanted=WANTED) == bundle
    with pytest.raises(Conflict, match="all products"):
        report_delete(by=SYSTEM, job=work(cdn, clock))
    bundle_delete(by=SYSTEM, bundle=ReportBundle.objects.get())  # two still run
    assert sorted(ReportJob.objects.values_list("product", "state")) == [
        ("cdn", "completed"), ("cloud", "cancelled"), ("waap", "cancelled"),
    ]  # fmt: skip
    bundle_delete(by=SYSTEM, bundle=ReportBundle.objects.get())
    assert (ReportBundle.objects.count(), ReportJob.objects.count(), ReportRow.objects.count()) == (0, 0, 0)

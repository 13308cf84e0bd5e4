"""A worker dies at the worst moment of a step: the report completes after it, once, with the same rows."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import time_machine
from django.core.files.storage import FileSystemStorage

from accounts.models import ActivityEntry, Tenant
from gcore.client import GcoreClient
from gcore.models import ReportJob, ReportRow
from gcore.services import report_rows, report_steps
from gcore.services.report_steps import report_step
from gcore.simulator import Simulator
from gcore.tests.reports import again, ask, rows_of, step, work

pytestmark = pytest.mark.django_db
LEASE: Final = timedelta(seconds=60)


class Killed(BaseException):
    """As little is caught or undone after it as after a signal."""


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    """The call is made, and its result never seen."""

    def dies(*args: Any, **kwargs: Any) -> Any:
        function(*args, **kwargs)
        raise Killed

    return dies


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    def dies(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    return dies


def at_the_second(function: Callable[..., Any]) -> Callable[..., Any]:
    calls: list[int] = []

    def dies(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        return function(*args, **kwargs)

    return dies


@pytest.mark.parametrize(
    ("where", "name", "how"),
    [
        (report_steps, "_in_time", before),  # with the lease, and nothing done
        (GcoreClient, "features", after),
        (GcoreClient, "report_create", after),  # Gcore makes a report that we know nothing of
        (GcoreClient, "report_status", after),
        (GcoreClient, "report_download", before),
        (GcoreClient, "report_download", after),
        (FileSystemStorage, "save", after),  # a file that no row names
        (report_steps, "poll_in", before),  # the step is written down, and nobody asked for the next
        (report_rows, "rows_remove", after),
        (report_rows, "_insert", at_the_second),  # a part of the rows is in
        (report_rows, "_insert_asides", after),
        (report_steps, "_end", before),  # all rows are in
        (report_steps, "deed", before),  # in the transaction that ends it
    ],
)  # fmt: skip
def test_a_report_survives_its_worker(
    acme: Tenant,
    gcore_simulator: Simulator,
    clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: Any,
    where: Any,
    name: str,
    how: Callable[..., Any],
) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(report_rows, "BATCH", 2)
    gcore_simulator.state.set_knobs(job_polls=2)
    undisturbed = work(ask(acme, refresh=True), clock)
    expected = rows_of(undisturbed)
    ReportRow.objects.all().delete()
    with monkeypatch.context() as patch:
        patch.setattr(where, name, how(getattr(where, name)))
        job = ask(acme, refresh=True)
        with pytest.raises(Killed):
            work(job, clock)
    assert again(job).is_running
    job = work(job, clock)
    assert (job.state, job.sha256, job.error) == ("completed", undisturbed.sha256, "")
    assert rows_of(job) == expected
    assert job.row_count == ReportRow.objects.count() == len(expected) == 4
    assert ActivityEntry.objects.filter(type="report.completed", payload__id=str(job.pk)).count() == 1
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {Path(undisturbed.raw.name or "").name, Path(job.raw.name or "").name}


def test_a_dead_workers_lease_keeps_others_away_until_it_ends(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(acme)
    with monkeypatch.context() as patch:
        patch.setattr(GcoreClient, "report_create", before(GcoreClient.report_create))
        with pytest.raises(Killed):
            step(job, clock)
    clock.shift(LEASE - timedelta(seconds=1))
    assert not report_step(job_id=job.pk)
    clock.shift(2)
    assert report_step(job_id=job.pk)
    assert again(job).state == "queued"


def test_a_worker_that_was_taken_for_dead_writes_no_more_rows(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It slept in the midst of storing; another finished the report meanwhile."""
    monkeypatch.setattr(report_rows, "BATCH", 2)
    job = ask(acme)
    while not job.raw:
        job = step(job, clock)
    inserted = report_rows._insert_asides
    slept: list[int] = []

    def sleeps(*args: Any) -> None:
        inserted(*args)
        if not slept:
            slept.append(1)
            clock.shift(LEASE + timedelta(seconds=1))
            assert report_step(job_id=job.pk)

    monkeypatch.setattr(report_rows, "_insert_asides", sleeps)
    assert not report_step(job_id=job.pk)
    job = again(job)
    assert (job.state, job.row_count, ReportRow.objects.count()) == ("completed", 4, 4)
    assert ActivityEntry.objects.filter(type="report.completed").count() == 1


def test_as_long_as_bytes_come_the_lease_is_renewed(
    acme: Tenant, gcore_simulator: Simulator, clock: time_machine.Traveller
) -> None:
    job = ask(acme)
    job.next_poll_at = datetime.now(UTC)
    ReportJob.objects.filter(pk=job.pk).update(next_poll_at=job.next_poll_at)
    file = report_steps._Lasting(io.BytesIO(), job)
    file.write(b"a")
    assert again(job).next_poll_at == job.next_poll_at
    clock.shift(21)
    file.write(b"b")
    left = (again(job).next_poll_at or job.created_at) - datetime.now(UTC)
    assert round(left.total_seconds()) == 60
    clock.shift(600)
    with pytest.raises(report_steps.Overdue):
        file.write(b"c")

"""A worker killed in the midst of every step of Gcore's reports: they complete, once, with the same rows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Final

import pytest
from django.db import connection
from django.utils import timezone

from accounts.background import ask_worker
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from gcore.models import ClientMapping, ProviderImport, ReportJob
from gcore.services.imports import Wish, imports_ask
from gcore.services.reports import Wanted, report_request
from gcore.simulator import Simulator
from gcore.tasks import sweep_imports
from gcore.tests.reports import CLIENT, map_client, rows_of
from tests.faults.programs import Worker
from tests.faults.stack import SLOW, eventually
from usage.models import UsageEvent

pytestmark = [pytest.mark.full, pytest.mark.faults, pytest.mark.django_db(transaction=True)]
DAY: Final = date(2026, 3, 5)
HELD: Final = 600.0  # seconds that Gcore would take for an answer; the worker is dead long before
SLEEP: Final = 5.0  # and the database for an insert
REPORTS: Final = "/billing/org/v1/reports"
# What Gcore is slow at, and the state that a report has meanwhile.
HOLDS: Final = (
    ("downloading", "GET", f"{REPORTS}/[^/]+/download"),
    ("queued", "GET", f"{REPORTS}/[0-9a-f-]{{36}}"),
    ("requested", "POST", REPORTS),
)


def test_a_worker_killed_in_every_step_at_once(acme: Tenant, gcore: Simulator, worker: Worker) -> None:
    mapping = map_client(acme)
    undisturbed = ask(acme)
    imported = import_until_its_report_is_there(mapping)
    assert eventually(lambda: state_of(undisturbed) == "completed"), worker.log_tail()
    jobs = []
    for _, method, path in HOLDS:
        gcore.state.add_fault(method=method, path=path, delay=HELD)
        jobs.append(ask(acme))
        assert eventually(lambda: not gcore.state.faults), worker.log_tail()
    with slow_inserts("gcore_reportrow"), slow_inserts("usage_usageevent"):
        jobs.append(ask(acme))
        assert eventually(lambda: sleeps("gcore_reportrow")), worker.log_tail()
        ProviderImport.objects.update(next_step_at=timezone.now())
        ask_worker("gcore.sweep_imports")
        assert eventually(lambda: sleeps("usage_usageevent")), worker.log_tail()
        worker.kill()
        assert [state_of(job) for job in jobs] == [*(state for state, *_ in HOLDS), "downloading"]
        assert not UsageEvent.objects.exists()
    worker.start()

    def done() -> bool:
        """With the sweeps that beat would ask for."""
        ask_worker("gcore.sweep_reports")
        ask_worker("gcore.sweep_imports")
        time.sleep(0.5)
        states = ProviderImport.objects.values_list("state", flat=True)
        return {*states, *(state_of(job) for job in jobs)} == {"completed"}

    assert eventually(done), worker.log_tail()
    expected = rows_of(undisturbed)
    assert len(expected) == 4
    for job in jobs:
        assert rows_of(job) == expected
        assert ActivityEntry.objects.filter(type="report.completed", payload__id=str(job.pk)).count() == 1
    imported.refresh_from_db()
    assert (imported.counts, UsageEvent.objects.count()) == ({"stored": 2}, 2)
    assert ActivityEntry.objects.filter(type="gcore_import.completed").count() == 1


def ask(tenant: Tenant) -> ReportJob:
    """A report of its own, and a worker for it."""
    wanted = Wanted(CLIENT, DAY, DAY)
    return report_request(by=SYSTEM, tenant=tenant, product="cloud", wanted=wanted, refresh=True)


def import_until_its_report_is_there(mapping: ClientMapping) -> ProviderImport:
    (run_id,) = imports_ask(wishes=[Wish(mapping, "waap", DAY)])
    sweep_imports()
    run: ProviderImport = ProviderImport.objects.select_related("job").get(pk=run_id)
    assert run.job
    job = run.job
    assert eventually(lambda: state_of(job) == "completed")
    return run


def state_of(job: ReportJob) -> str:
    return str(ReportJob.objects.values_list("state", flat=True).get(pk=job.pk))


@contextmanager
def slow_inserts(table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(SLOW.format(table=table, seconds=SLEEP))
        try:
            yield
        finally:
            cursor.execute(f"DROP FUNCTION slow_{table} CASCADE")


def sleeps(table: str) -> bool:
    """Whether somebody is in the midst of an insert there."""
    with connection.cursor() as cursor:
        statement = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE %s"
        cursor.execute(statement, [f"COPY {table}%"])
        return cursor.fetchone() is not None

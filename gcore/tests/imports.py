"""Imports in tests: worked on without a worker and without waiting, with files as a test wants them."""

from datetime import date, timedelta
from typing import Final

import time_machine
from django.utils import timezone

from accounts.models import Tenant
from gcore.models import ClientMapping, ProviderImport
from gcore.queries.imports import due_imports
from gcore.services.imports import Wish, import_step, imports_ask
from gcore.simulator import Simulator
from gcore.simulator.files import HEADER
from gcore.tests.reports import CLIENT, again, step
from usage.models import UsageEvent

DAY: Final = date(2026, 3, 5)


def table(*rows: tuple[str, str, str], client: str = CLIENT) -> list[list[str]]:
    """A report's file: (feature id, metric, unit) of the client."""
    return [
        list(HEADER),
        *(
            [client, "SDG Test 2", id, f"Feature {id}", metric, "", "", "", "", unit]
            for id, metric, unit in rows
        ),
    ]


def says(gcore: Simulator, *rows: tuple[str, str, str], client: str = CLIENT) -> None:
    """What every report will say from now on."""
    gcore.state.set_knobs(table=table(*rows, client=client))


def bring(
    mapping: ClientMapping, clock: time_machine.Traveller, kind: str = "cdn", day: date = DAY
) -> ProviderImport:
    """One day, asked for and worked on until it has come in or has failed once."""
    (run_id,) = imports_ask(wishes=[Wish(mapping, kind, day)])
    run = ProviderImport.objects.get(pk=run_id)
    while run.is_pending and not (run.state == "waiting" and run.tries):
        work_on(run, clock)
        run.refresh_from_db()
    return run


def work_on(run: ProviderImport, clock: time_machine.Traveller) -> None:
    """Its report to the end, and then its own next step when it is due."""
    if run.job:
        job = again(run.job)
        while job.is_running:
            job = step(job, clock)
    assert run.next_step_at
    clock.move_to(run.next_step_at + timedelta(milliseconds=1))
    assert import_step(run_id=run.pk)


def work_all(clock: time_machine.Traveller) -> None:
    """All that is planned, as the sweeps do it."""
    while pending := ProviderImport.objects.filter(next_step_at__isnull=False).select_related("job"):
        for run in pending:
            if run.job and again(run.job).is_running:
                step(again(run.job), clock)
        clock.shift(30)
        for run_id in due_imports(timezone.now(), 1000):
            import_step(run_id=run_id)


def live(tenant: Tenant) -> list[tuple[str, str, str, int]]:
    """(type, metric, unit, revision) of the events that count."""
    events = UsageEvent.objects.for_tenant(tenant).live().order_by("event_type", "timestamp")
    return [(e.event_type, str(e.metrics["usage"]), e.metadata["unit"], e.revision) for e in events]

"""Gcore's background work."""

from typing import Final
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from gcore.queries.imports import due_imports
from gcore.queries.reports import orphaned_jobs
from gcore.services.imports import import_step, imports_plan
from gcore.services.reconciliation import reconcile_all
from gcore.services.report_steps import report_step
from gcore.services.reports import step_ask

SWEPT: Final = 200


@shared_task(name="gcore.poll_report")
def poll_report(job_id: str) -> None:
    """Do one step of a report, which asks for the next one itself."""
    report_step(job_id=UUID(job_id))


@shared_task(name="gcore.sweep_reports")
def sweep_reports() -> None:
    """Find reports whose worker died or was never asked; do their steps here while none can be asked."""
    for job_id in orphaned_jobs(SWEPT):
        if not step_ask(job_id):
            report_step(job_id=job_id)


@shared_task(name="gcore.plan_imports")
def plan_imports() -> None:
    """Plan what is to come in, days that were missed among it."""
    imports_plan()


@shared_task(name="gcore.sweep_imports")
def sweep_imports() -> None:
    """Do the steps of imports that are due."""
    for run_id in due_imports(timezone.now(), SWEPT):
        import_step(run_id=run_id)


@shared_task(name="gcore.reconcile")
def reconcile() -> None:
    """Compare what has come in with what was metered here."""
    reconcile_all()

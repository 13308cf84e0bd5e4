"""Gcore's background work."""

from typing import Final
from uuid import UUID

from celery import shared_task

from gcore.queries.reports import orphaned_jobs
from gcore.services.report_steps import report_step
from gcore.services.reports import poll_in

SWEPT: Final = 200


@shared_task(name="gcore.poll_report")
def poll_report(job_id: str) -> None:
    """Do one step of a report, which asks for the next one itself."""
    report_step(job_id=UUID(job_id))


@shared_task(name="gcore.sweep_reports")
def sweep_reports() -> None:
    """Find reports whose worker died or was never asked."""
    for job_id in orphaned_jobs(SWEPT):
        poll_in(job_id, 0)

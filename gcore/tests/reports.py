"""Reports in tests: asked for, and worked on without a worker and without waiting."""

from datetime import date, timedelta
from typing import Any, Final

import time_machine

from accounts.models import Tenant
from accounts.principals import SYSTEM
from gcore.models import ClientMapping, ReportJob, ReportRow
from gcore.services.accounts import account_default
from gcore.services.mappings import mapping_create
from gcore.services.report_steps import report_step
from gcore.services.reports import Wanted, report_request

CLIENT: Final = "829449"
STRANGER: Final = "829517"
PERIOD: Final = (date(2025, 9, 1), date(2025, 9, 24))
WANTED: Final = Wanted(CLIENT, *PERIOD)


def map_client(tenant: Tenant, client_id: str = CLIENT) -> ClientMapping:
    return mapping_create(by=SYSTEM, tenant=tenant, account=account_default(), client_id=client_id)


def ask(tenant: Tenant, product: str = "cloud", **options: Any) -> ReportJob:
    return report_request(by=SYSTEM, tenant=tenant, product=product, wanted=WANTED, **options)


def step(job: ReportJob, clock: time_machine.Traveller) -> ReportJob:
    """The next step at the moment when it is due."""
    assert job.next_poll_at is not None
    clock.move_to(job.next_poll_at + timedelta(milliseconds=1))
    assert report_step(job_id=job.pk)
    return again(job)


def work(job: ReportJob, clock: time_machine.Traveller) -> ReportJob:
    """Every step, each when it is due, until the report has ended."""
    job = again(job)
    while job.is_running:
        job = step(job, clock)
    return job


def again(job: ReportJob) -> ReportJob:
    found: ReportJob = ReportJob.objects.select_related("tenant", "account").get(pk=job.pk)
    return found


def rows_of(job: ReportJob) -> list[tuple[Any, ...]]:
    rows = ReportRow.objects.for_tenant(job.tenant).filter(job=job).order_by("position")
    return list(rows.values_list("position", "client_id", "feature_id", "metric_value", "unit_name"))

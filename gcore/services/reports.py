"""Reports asked for, called off, tried again and removed. The work itself is done in `report_steps`."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.background import ask_worker
from accounts.errors import Conflict
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from gcore.models import GcoreAccount, ReportAside, ReportBundle, ReportJob, ReportRow
from gcore.queries.reports import ALL, Report
from gcore.services.mappings import account_for

State = ReportJob.State
AGAIN: Final = (State.FAILED, State.CANCELLED, State.TIMED_OUT)
TASK: Final = "gcore.poll_report"
FROM_THE_START: Final[dict[str, Any]] = {
    "state": State.REQUESTED,
    "progress": 0,
    "attempts": 0,
    "finished_at": None,
    "size": 0,
    **dict.fromkeys(("upstream_id", "upstream_state", "notes", "error", "first_lines", "raw", "sha256"), ""),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose usage, and its first and last day."""

    client_id: str
    start: date
    end: date


@transaction.atomic
def report_request(
    *, by: Principal, tenant: Tenant, product: str, wanted: Wanted, refresh: bool = False
) -> ReportJob:
    """A report that is running or fresh, or a new one. Errors: 403 the client is not the tenant's."""
    account = account_for(by=by, tenant=tenant, client_id=wanted.client_id)
    tenant_lock(tenant)  # so that two who ask at the same moment get one report
    return _found_or_made(by, tenant, account, product, wanted, refresh)


@transaction.atomic
def bundle_request(*, by: Principal, tenant: Tenant, wanted: Wanted, refresh: bool = False) -> ReportBundle:
    """The same for every product at once; their reports are made side by side."""
    account = account_for(by=by, tenant=tenant, client_id=wanted.client_id)
    tenant_lock(tenant)
    jobs: dict[str, Any] = {
        product: _found_or_made(by, tenant, account, product, wanted, refresh)
        for product in ReportJob.Product.values
    }
    bundle, _ = ReportBundle.objects.get_or_create(tenant=tenant, **jobs)
    return bundle


def product_request(*, product: str, **asked: Any) -> ReportJob | ReportBundle:
    """The same for one product, or for `all`."""
    return bundle_request(**asked) if product == ALL else report_request(product=product, **asked)


@transaction.atomic
def report_cancel(*, by: Principal, job: ReportJob) -> None:
    """Call a report off. Errors: 409 it has ended."""
    running = ReportJob.objects.filter(pk=job.pk, state__in=ReportJob.RUNNING)
    called_off = "It was called off."
    if not running.update(
        state=State.CANCELLED, next_poll_at=None, finished_at=timezone.now(), error=called_off
    ):
        raise Conflict("The report has ended.")
    deed(by=by, action="report.cancelled", tenant=job.tenant, subject=job, payload=told(job))


@transaction.atomic
def report_retry(*, by: Principal, job: ReportJob) -> None:
    """Begin a report that did not succeed from the start. Errors: 409 it runs or is complete."""
    ended = ReportJob.objects.filter(pk=job.pk, state__in=AGAIN)
    if not ended.update(**FROM_THE_START, next_poll_at=timezone.now(), deadline=_deadline()):
        raise Conflict("The report runs or is complete.")
    _remove_file(job)
    deed(by=by, action="report.retried", tenant=job.tenant, subject=job, payload=told(job))
    poll_in(job.pk, 0)


@transaction.atomic
def report_delete(*, by: Principal, job: ReportJob) -> None:
    """Call off a running report; remove one that has ended with its rows and file.

    Errors: 409 a request for all products holds it.
    """
    if ReportJob.objects.filter(pk=job.pk, state__in=ReportJob.RUNNING).exists():
        report_cancel(by=by, job=job)
        return
    if _bundles_of(job).exists():
        raise Conflict("A report of all products holds it; delete that one.")
    deed(by=by, action="report.deleted", tenant=job.tenant, subject=job, payload=told(job))
    ReportRow.objects.filter(tenant=job.tenant, job=job).delete()
    ReportAside.objects.filter(tenant=job.tenant, job=job).delete()
    _remove_file(job)
    job.delete()


@transaction.atomic
def bundle_delete(*, by: Principal, bundle: ReportBundle) -> None:
    """The same for all products; reports that another request holds too stay with it."""
    running = [job for job in bundle.jobs if job.is_running]
    if running:
        for job in running:
            report_cancel(by=by, job=job)
        return
    bundle.delete()
    for job in bundle.jobs:
        if not _bundles_of(job).exists():
            report_delete(by=by, job=job)


def asked_delete(*, by: Principal, report: Report) -> None:
    """The same for what was asked for, be it one product or all."""
    if report.bundle:
        bundle_delete(by=by, bundle=report.bundle)
    else:
        report_delete(by=by, job=report.jobs[0])


def poll_in(job_id: UUID, seconds: float) -> None:
    """Have a worker do the next step of a report, once this is committed."""
    transaction.on_commit(lambda: step_ask(job_id, seconds), robust=True)


def step_ask(job_id: UUID, seconds: float = 0) -> bool:
    """The same at once; whether a worker could be asked. When none can, the sweep does the step."""
    return ask_worker(TASK, seconds=seconds, job_id=str(job_id))


def told(job: ReportJob) -> dict[str, Any]:
    """What the activity tells of a report."""
    return {
        "product": job.product,
        "gcore_user_id": job.client_id,
        "start_date": job.start_date.isoformat(),
        "end_date": job.end_date.isoformat(),
    }


def _found_or_made(
    by: Principal, tenant: Tenant, account: GcoreAccount, product: str, wanted: Wanted, refresh: bool
) -> ReportJob:
    asked = {
        "account": account,
        "product": product,
        "client_id": wanted.client_id,
        "start_date": wanted.start,
        "end_date": wanted.end,
    }
    found: ReportJob | None = None if refresh else _usable(tenant).filter(**asked).first()
    if found is not None:
        return found
    job = ReportJob.objects.create(tenant=tenant, **asked, deadline=_deadline(), requested_by=by.actor)
    deed(by=by, action="report.requested", tenant=tenant, subject=job, payload=told(job))
    poll_in(job.pk, 0)
    return job


def _usable(tenant: Tenant) -> Any:
    """Reports that run, and those that are fresh, the newest first."""
    fresh = timezone.now() - timedelta(seconds=settings.REPORT_FRESH_SECONDS)
    usable = Q(state__in=ReportJob.RUNNING) | Q(state=State.COMPLETED, finished_at__gte=fresh)
    return ReportJob.objects.for_tenant(tenant).filter(usable).order_by("-id")


def _bundles_of(job: ReportJob) -> Any:
    return ReportBundle.objects.for_tenant(job.tenant).filter(Q(cdn=job) | Q(cloud=job) | Q(waap=job))


def _deadline() -> Any:
    return timezone.now() + timedelta(seconds=settings.REPORT_POLL_TIMEOUT)


def _remove_file(job: ReportJob) -> None:
    name = job.raw.name
    if name:
        transaction.on_commit(lambda: job.raw.storage.delete(name), robust=True)

"""Reports as their callers see them: one of a product, or one of each together."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.errors import NotFound
from accounts.models import Tenant
from accounts.principals import Principal
from gcore.models import ClientMapping, ReportBundle, ReportJob

State = ReportJob.State
ALL: Final = "all"
PARTIAL: Final = "partial"
# A worker was asked for each step when it was planned; this one seems to have been forgotten.
ORPHANED: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Report:
    """What was asked for. `bundle` is set when it was all products at once."""

    id: UUID
    jobs: tuple[ReportJob, ...]
    bundle: ReportBundle | None = None

    @classmethod
    def of(cls, asked: ReportJob | ReportBundle) -> "Report":
        if isinstance(asked, ReportBundle):
            return cls(asked.pk, asked.jobs, asked)
        return cls(asked.pk, (asked,))

    @property
    def product(self) -> str:
        return ALL if self.bundle else self.jobs[0].product

    @property
    def status(self) -> str:
        """The one state of all jobs; while any runs that of the one furthest behind; else `partial`, when
        some are completed, or `failed`."""
        states = [job.state for job in self.jobs]
        running = [state for state in ReportJob.RUNNING if state in states]
        if running or len(set(states)) == 1:
            return (running or states)[0]
        return PARTIAL if State.COMPLETED in states else State.FAILED

    @property
    def is_running(self) -> bool:
        return any(job.is_running for job in self.jobs)

    @property
    def completed(self) -> list[ReportJob]:
        return [job for job in self.jobs if job.state == State.COMPLETED]

    @property
    def failed(self) -> list[ReportJob]:
        return [job for job in self.jobs if job.state != State.COMPLETED and not job.is_running]

    @property
    def progress(self) -> int:
        """Per cent; what has ended without rows is done too."""
        return sum(job.progress if job.is_running else 100 for job in self.jobs) // len(self.jobs)

    @property
    def count(self) -> int:
        """Rows, once all is done that will be."""
        return 0 if self.is_running else sum(job.row_count for job in self.completed)


def visible_jobs(*, by: Principal, tenant: Tenant) -> QuerySet[ReportJob]:
    """The tenant's reports; to all but platform staff only those of clients that are mapped to it now."""
    jobs: QuerySet[ReportJob] = ReportJob.objects.for_tenant(tenant)
    return jobs if by.platform else jobs.filter(_mapped(tenant))


def lone_jobs(*, by: Principal, tenant: Tenant) -> QuerySet[ReportJob]:
    """Those of them that no request for all products holds."""
    jobs = visible_jobs(by=by, tenant=tenant).select_related("account")
    for product in ReportJob.Product.values:  # one by one: an OR of them would read all for each report
        jobs = jobs.exclude(pk__in=ReportBundle.objects.for_tenant(tenant).values(product))
    return jobs


def visible_bundles(*, by: Principal, tenant: Tenant) -> QuerySet[ReportBundle]:
    """Requests for all products, as visible as their reports."""
    bundles: QuerySet[ReportBundle] = ReportBundle.objects.for_tenant(tenant)
    found = bundles if by.platform else bundles.filter(_mapped(tenant, "cdn__"))
    return found.select_related("cdn", "cloud", "waap")


def _mapped(tenant: Tenant, job: str = "") -> Exists:
    """Whether the client of a report is mapped to the tenant now."""
    clients = ClientMapping.objects.for_tenant(tenant)
    return Exists(clients.filter(account=OuterRef(f"{job}account"), client_id=OuterRef(f"{job}client_id")))


def report_of(*, by: Principal, tenant: Tenant, report_id: UUID) -> Report:
    """A report by the id that its request was answered with. Errors: NotFound."""
    jobs = visible_jobs(by=by, tenant=tenant).select_related("tenant", "account")
    bundles = ReportBundle.objects.for_tenant(tenant).filter(pk=report_id)
    bundle: ReportBundle | None = bundles.select_related("tenant").first()
    wanted = [report_id] if bundle is None else [bundle.cdn_id, bundle.cloud_id, bundle.waap_id]
    found = {job.pk: job for job in jobs.filter(pk__in=wanted)}
    if found.keys() != set(wanted):
        raise NotFound("There is no such report.")
    return Report(report_id, tuple(found[pk] for pk in wanted), bundle)


def orphaned_jobs(most: int) -> list[UUID]:
    """Reports whose next step is overdue, the longest first."""
    overdue = ReportJob.objects.filter(next_poll_at__lte=timezone.now() - ORPHANED)
    return list(overdue.order_by("next_poll_at").values_list("pk", flat=True)[:most])

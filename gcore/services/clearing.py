"""What Gcore's room clears away."""

from collections.abc import Collection
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts.services.cleaning import Job, Removed, Sweep, cutoffs
from gcore.models import ReportJob
from gcore.services.report_steps import FOLDER


def raw_files_clear(sweep: Sweep) -> Removed:
    """Gcore's files as they came; the rows that were read from them stay."""
    kept = ReportJob.objects.exclude(raw="").exclude(state__in=ReportJob.RUNNING)
    for tenant, before in cutoffs("report_days", settings.REPORT_RETENTION_DAYS):
        yield tenant, sweep.each(kept.filter(tenant=tenant, finished_at__lt=before), _remove)


def orphans_clear(sweep: Sweep) -> Removed:
    """Files that no report names."""
    yield None, sweep.files(FOLDER, _known)


@transaction.atomic
def _remove(job: ReportJob) -> None:
    name, storage = job.raw.name, job.raw.storage
    if ReportJob.objects.filter(tenant=job.tenant, pk=job.pk, raw=name).update(raw=""):
        transaction.on_commit(lambda: storage.delete(str(name)), robust=True)


def _known(names: Collection[str]) -> set[str]:
    return set(ReportJob.objects.filter(raw__in=names).values_list("raw", flat=True))


JOBS: Final = (
    Job("report_raw", "raw files of reports past their retention", raw_files_clear),
    Job("report_file", "files without a report", orphans_clear),
)

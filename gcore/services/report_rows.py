"""Rows of a report into the database: in batches, each only as long as the worker has the report."""

import itertools
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils import uuid7

from accounts.row_security import as_platform
from gcore.models import ReportAside, ReportJob, ReportRow
from gcore.parsing import FIELDS, Aside, ReportReader, Row

BATCH: Final = 20_000
MOST_ASIDES: Final = 1000  # of one report are kept; all of them are counted
TABLE: Final = ReportRow._meta.db_table
COLUMNS: Final = ("id", "tenant_id", "job_id", *Row._fields)
USUAL: Final = ("client_id", "company_name", "feature_id", "feature_name", "metric_value", "unit_name")
BEYOND: Final = tuple(name for name in FIELDS if name not in USUAL)


class LeaseLost(Exception):
    """Another worker has taken the report over, or it was called off."""


def rows_store(job: ReportJob, reader: ReportReader, read: Callable[[], float]) -> dict[str, Any]:
    """Store what the reader gives, and nothing else; the job's counts. `read`: what part of it was read.

    Errors: LeaseLost; ReportRefused, when rows may have been stored already.
    """
    rows_remove(job)
    counts = {"row_count": 0, "aside_rows": 0}
    beyond: set[str] = set()
    found = iter(reader)
    while batch := list(itertools.islice(found, BATCH)):
        rows = [item for item in batch if isinstance(item, Row)]
        asides = [item for item in batch if isinstance(item, Aside)]
        with transaction.atomic():
            lease_renew(job, progress=70 + int(29 * min(read(), 1)))
            _insert(job, rows)
            _insert_asides(job, asides[: max(0, MOST_ASIDES - counts["aside_rows"])])
        counts["row_count"] += len(rows)
        counts["aside_rows"] += len(asides)
        beyond.update(name for name in BEYOND if any(getattr(row, name) for row in rows))
    columns = [name for name in BEYOND if name in beyond]
    return {**counts, "columns": columns, "zero_rows": reader.zero_rows, "other_rows": reader.other_rows}


@transaction.atomic
def rows_remove(job: ReportJob) -> None:
    """What an earlier attempt left."""
    lease_renew(job)
    ReportRow.objects.filter(tenant=job.tenant, job=job).delete()
    ReportAside.objects.filter(tenant=job.tenant, job=job).delete()


def lease_renew(job: ReportJob, **changes: Any) -> None:
    """Have the report for another lease, as long as it is still this worker's. Errors: LeaseLost."""
    lease = timezone.now() + timedelta(seconds=settings.REPORT_LEASE_SECONDS)
    mine = ReportJob.objects.filter(pk=job.pk, next_poll_at=job.next_poll_at, state=job.state)
    if not mine.update(next_poll_at=lease, **changes):
        raise LeaseLost
    job.next_poll_at = lease


def _insert(job: ReportJob, rows: Iterable[Row]) -> None:
    if connection.vendor != "postgresql":
        made = (ReportRow(tenant=job.tenant, job=job, **row._asdict()) for row in rows)
        ReportRow.objects.bulk_create(made, batch_size=500)
        return
    statement = f"COPY {TABLE} ({','.join(COLUMNS)}) FROM STDIN"
    owner = (str(job.tenant_id), str(job.pk))
    with ExitStack() as stack:
        stack.enter_context(as_platform())  # as a tenant there is no COPY into a table
        cursor = stack.enter_context(connection.cursor())
        stack.enter_context(connection.wrap_database_errors)
        copy = stack.enter_context(cursor.copy(statement))
        for row in rows:
            copy.write_row((str(uuid7()), *owner, *row))


def _insert_asides(job: ReportJob, asides: Iterable[Aside]) -> None:
    ReportAside.objects.bulk_create(
        ReportAside(tenant=job.tenant, job=job, **aside._asdict()) for aside in asides
    )

"""A report's way from the request to its rows, one step at a time.

Each step begins by moving `next_poll_at` a lease ahead, which keeps others away, and ends by writing down
what it reached. A worker killed anywhere in between leaves the report as the step found it, and once the
lease is over the step is done again. So Gcore may be asked twice for a report; its rows come in once.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import IO, Any, BinaryIO, Final, cast
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.principals import SYSTEM
from accounts.row_security import as_tenant
from accounts.services.logs import deed
from gcore.client import Product, ReportState
from gcore.errors import PermanentError, TransientError
from gcore.models import ReportJob
from gcore.parsing import ReportReader
from gcore.queries.accounts import account_client
from gcore.services.report_rows import LeaseLost, lease_renew, rows_remove, rows_store
from gcore.services.reports import poll_in, told
from gcore.tables import ReportRefused

NOT_FOUND: Final = 404
FOLDER: Final = "gcore/reports"
GROWTH: Final = 1.5
LONGEST_WAIT: Final = 60.0
WAITING: Final = (ReportJob.State.QUEUED, ReportJob.State.GENERATING)
State = ReportJob.State


class Overdue(Exception):
    """The report's time ran out in the midst of a step."""


def report_step(*, job_id: UUID) -> bool:
    """Do the next step of a report that is due, unless another worker has it; whether it was done."""
    job = _claim(job_id)
    if job is None:
        return False
    with as_tenant(job.tenant_id):
        return _step(job)


def _step(job: ReportJob) -> bool:
    try:
        _in_time(job)
        STEPS[job.state](job)
    except LeaseLost:
        return False
    except Overdue:
        late = f"It was not finished within {settings.REPORT_POLL_TIMEOUT:g} s. {job.error}"
        _end(job, State.TIMED_OUT, error=late.strip())
    except TransientError as error:
        _put_off(job, error)
    except PermanentError as error:
        if error.upstream_status == NOT_FOUND and job.upstream_id:
            _begin_again(job, error)
        else:
            _end(job, State.FAILED, error=_kept(error.message))
    except ReportRefused as error:
        first_lines = "\n".join(error.first_lines)
        _end(job, State.FAILED, error=f"Gcore's file was refused. {error.reason}", first_lines=first_lines)
    return True


def _claim(job_id: UUID) -> ReportJob | None:
    """Have the report for a lease, if it is due and nobody else was quicker."""
    now = timezone.now()
    due = ReportJob.objects.filter(pk=job_id, next_poll_at__lte=now)
    job: ReportJob | None = due.select_related("account", "tenant").first()
    if job is None:
        return None
    lease = now + timedelta(seconds=settings.REPORT_LEASE_SECONDS)
    mine = ReportJob.objects.filter(pk=job.pk, next_poll_at=job.next_poll_at)
    if not mine.update(next_poll_at=lease, attempts=F("attempts") + 1):
        return None
    job.next_poll_at, job.attempts = lease, job.attempts + 1
    return job


def _in_time(job: ReportJob) -> None:
    if timezone.now() >= job.deadline:
        raise Overdue


def _create(job: ReportJob) -> None:
    client = account_client(job.account)
    features = client.features(Product[job.product.upper()])
    if not features:
        raise PermanentError(f"Gcore lists no features of {job.get_product_display()}.")
    upstream_id = client.report_create(
        features=[feature.id for feature in features], date_from=job.start_date, date_to=job.end_date
    )
    _move(job, {State.REQUESTED}, _wait(job), state=State.QUEUED, upstream_id=upstream_id, progress=10)


def _poll(job: ReportJob) -> None:
    task = account_client(job.account).report_status(job.upstream_id)
    seen: dict[str, Any] = {"upstream_state": task.said, "notes": task.notes}
    match task.state:
        case ReportState.COMPLETED:
            _move(job, WAITING, 0, state=State.DOWNLOADING, progress=50, **seen)
        case ReportState.FAILED:
            said = f"Gcore could not make the report: {task.notes or task.said}"
            _end(job, State.FAILED, error=said, **seen)
        case ReportState.CANCELLED:
            _end(job, State.CANCELLED, error="Gcore cancelled the report.", **seen)
        case ReportState.IN_PROGRESS:
            _move(job, WAITING, _wait(job), state=State.GENERATING, progress=30, **seen)
        case _:
            _move(job, WAITING, _wait(job), **seen)


def _fetch(job: ReportJob) -> None:
    """The file first, and its rows in another step: whatever becomes of those, the file is kept."""
    if job.raw:
        _store(job)
        return
    with tempfile.TemporaryFile() as file:
        lasting = cast(BinaryIO, _Lasting(file, job))
        size = account_client(job.account).report_download(job.upstream_id, lasting)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        storage = job.raw.storage
        name = storage.save(_name(job, job.attempts), File(file))
    if _move(job, {State.DOWNLOADING}, 0, raw=name, sha256=sha256, size=size, progress=70):
        for attempt in range(1, job.attempts):  # what workers left that were killed here
            storage.delete(_name(job, attempt))
    else:
        storage.delete(name)


def _name(job: ReportJob, attempt: int) -> str:
    return f"{FOLDER}/{job.pk}-{attempt}.raw"


def _store(job: ReportJob) -> None:
    with tempfile.TemporaryFile() as file:
        with job.raw.open("rb") as raw:
            shutil.copyfileobj(raw, file)
        file.seek(0)
        if hashlib.file_digest(file, "sha256").hexdigest() != job.sha256:
            raise PermanentError("The file that was kept is not the one that came; ask for the report again.")
        try:
            counts = rows_store(job, ReportReader(file, job.client_id), lambda: file.tell() / job.size)
        except ReportRefused:
            rows_remove(job)
            raise
    _end(job, State.COMPLETED, progress=100, **counts)


STEPS: Final[Mapping[str, Callable[[ReportJob], None]]] = {
    State.REQUESTED: _create,
    State.QUEUED: _poll,
    State.GENERATING: _poll,
    State.DOWNLOADING: _fetch,
}


class _Lasting:
    """A file to download into. As long as bytes come the lease is renewed, until the report's time is up."""

    def __init__(self, file: IO[bytes], job: ReportJob) -> None:
        self._file, self._job = file, job
        self.seek, self.tell, self.truncate = file.seek, file.tell, file.truncate

    def write(self, data: bytes) -> int:
        _in_time(self._job)
        left = (self._job.next_poll_at or timezone.now()) - timezone.now()
        if left < timedelta(seconds=settings.REPORT_LEASE_SECONDS * 2 / 3):
            lease_renew(self._job)
        return self._file.write(data)


def _wait(job: ReportJob) -> float:
    """Seconds until Gcore is asked again: more from step to step."""
    wait: float = settings.REPORT_POLL_INTERVAL * GROWTH ** min(job.attempts - 1, 20)
    return min(wait, LONGEST_WAIT)


def _put_off(job: ReportJob, error: TransientError) -> None:
    wait = max(_wait(job), error.retry_after or 0)
    _move(job, {job.state}, wait, error=_kept(error.message))


def _begin_again(job: ReportJob, error: PermanentError) -> None:
    """Gcore has lost the report, or never had it: it is asked for another one."""
    lost = {"upstream_id": "", "upstream_state": "", "progress": 0, "error": _kept(error.message)}
    _move(job, {job.state}, _wait(job), state=State.REQUESTED, **lost)


def _kept(text: str) -> str:
    """PostgreSQL keeps no NUL."""
    return text.replace("\x00", "")


def _move(job: ReportJob, states: Any, seconds: float, **changes: Any) -> bool:
    """Write down what a step reached, unless another did or the report was called off; go on in time."""
    now = timezone.now()
    due = min(now + timedelta(seconds=seconds), max(job.deadline, now))
    still = ReportJob.objects.filter(
        pk=job.pk, state__in=states, upstream_id=job.upstream_id, raw=job.raw.name
    )
    if not still.update(**{"error": "", **changes}, next_poll_at=due):
        return False
    poll_in(job.pk, (due - now).total_seconds())
    return True


@transaction.atomic
def _end(job: ReportJob, state: State, **changes: Any) -> None:
    """Only whoever holds the lease ends a report."""
    mine = ReportJob.objects.filter(pk=job.pk, next_poll_at=job.next_poll_at, state__in=ReportJob.RUNNING)
    ended = {"error": "", **changes, "state": state, "next_poll_at": None, "finished_at": timezone.now()}
    if mine.update(**ended):
        payload = {**told(job), "count": changes.get("row_count", 0), "error": ended["error"]}
        deed(by=SYSTEM, action=f"report.{state}", tenant=job.tenant, subject=job, payload=payload)

"""Gcore's usage and costs into the ledger: which days are to come, and each one's way, a step at a time.

A step begins by moving `next_step_at` a lease ahead, which keeps others away. A worker killed in a step
leaves the import as the step found it, and once the lease is over the step is done again.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from accounts.errors import Conflict
from accounts.principals import Principal
from accounts.row_security import as_tenant
from accounts.services.logs import deed
from gcore.errors import GcoreError
from gcore.models import ClientMapping, ProviderImport, ReportJob
from gcore.queries.imports import imported_mappings, last_day
from gcore.services.expenses import expenses_fetch, expenses_store
from gcore.services.provider_usage import IMPORTER, usage_file
from gcore.services.reports import Wanted, report_request

Kind, State = ProviderImport.Kind, ProviderImport.State
SETTLED: Final = timedelta(days=3)  # after the start of a day, by when Gcore has counted all of it
LOOK: Final = timedelta(seconds=5)
FIRST_WAIT: Final = timedelta(minutes=15)
LONGEST_WAIT: Final = timedelta(hours=6)
MOST_TRIES: Final = 6
ANEW: Final[dict[str, Any]] = {
    "state": State.WAITING, "job": None, "tries": 0, "error": "", "counts": {}, "finished_at": None,
}  # fmt: skip


class Wish(NamedTuple):
    mapping: ClientMapping
    kind: str
    day: date


class Taken(Exception):
    """Another worker has it, or it was begun anew."""


def imports_plan(*, now: datetime | None = None) -> int:
    """Plan the days that are missing, and once more those that were asked for before they were settled;
    how many. What a customer used before the day that it was mapped is not asked for."""
    now = now or timezone.now()
    until = last_day(now)
    window = until - timedelta(days=settings.GCORE_IMPORT_DAYS - 1)
    wishes: list[Wish] = []
    for mapping in imported_mappings():
        first = max(window, mapping.created_at.astimezone(UTC).date() - timedelta(days=1))
        known = _asked(mapping, first)
        days = (first + timedelta(days=n) for n in range((until - first).days + 1))
        wishes += [
            Wish(mapping, kind, day)
            for day in days
            if day not in known or _unsettled(day, known[day], now)
            for kind in Kind.values
        ]
    return len(imports_ask(wishes=wishes, now=now))


def _asked(mapping: ClientMapping, first: date) -> dict[date, datetime | None]:
    """The days that are known, each with the moment since when Gcore was asked for all of it."""
    runs = ProviderImport.objects.for_tenant(mapping.tenant).filter(mapping=mapping, day__gte=first)
    return dict(runs.order_by().values_list("day").annotate(Min("asked_at")))


def _unsettled(day: date, asked_at: datetime | None, now: datetime) -> bool:
    settled = datetime(day.year, day.month, day.day, tzinfo=UTC) + SETTLED
    return asked_at is not None and asked_at < settled <= now


@transaction.atomic
def imports_ask(*, wishes: Iterable[Wish], now: datetime | None = None) -> list[UUID]:
    """Have these come in, also those that are here already: their new ids, or those they have."""
    now = now or timezone.now()
    ids: list[UUID] = []
    for mapping, kind, day in wishes:
        run, made = ProviderImport.objects.get_or_create(
            tenant=mapping.tenant, mapping=mapping, kind=kind, day=day, defaults={"next_step_at": now}
        )
        if not made:
            ended = ProviderImport.objects.filter(pk=run.pk).exclude(state=State.RUNNING)
            ended.update(**ANEW, next_step_at=now)
        ids.append(run.pk)
    return ids


@transaction.atomic
def import_again(*, by: Principal, run: ProviderImport) -> None:
    """Have a day come in once more. Errors: 409 it is on its way."""
    ended = ProviderImport.objects.filter(pk=run.pk).exclude(state__in=ProviderImport.PENDING)
    if not ended.update(**ANEW, next_step_at=timezone.now()):
        raise Conflict("The import is on its way.")
    deed(by=by, action="gcore_import.asked", tenant=run.tenant, subject=run, payload=told(run))


def import_step(*, run_id: UUID) -> bool:
    """Do the next step of an import that is due, unless another worker has it; whether it was done."""
    run = _claim(run_id)
    if run is None:
        return False
    with as_tenant(run.tenant_id):
        return _step(run)


def _step(run: ProviderImport) -> bool:
    try:
        step = _expenses if run.kind == Kind.EXPENSES else STEPS[run.state]
        step(run)
    except Taken:
        return False
    except GcoreError as error:
        _fail(run, error.message)
    return True


def told(run: ProviderImport) -> dict[str, Any]:
    """What the activity tells of an import."""
    return {"kind": run.kind, "gcore_user_id": run.mapping.client_id, "day": run.day.isoformat()}


def _claim(run_id: UUID) -> ProviderImport | None:
    now = timezone.now()
    due = ProviderImport.objects.filter(pk=run_id, next_step_at__lte=now)
    run: ProviderImport | None = due.select_related("tenant", "mapping__account", "job").first()
    if run is None:
        return None
    lease = now + timedelta(seconds=settings.REPORT_LEASE_SECONDS)
    if not due.filter(next_step_at=run.next_step_at).update(next_step_at=lease):
        return None
    run.next_step_at = lease
    return run


@transaction.atomic
def _begin(run: ProviderImport) -> None:
    """Always a report of its own: a fresh one of before a correction would hide it."""
    wanted = Wanted(run.mapping.client_id, run.day, run.day)
    job = report_request(by=IMPORTER, tenant=run.tenant, product=run.kind, wanted=wanted, refresh=True)
    now = timezone.now()
    _move(run, state=State.RUNNING, job=job, asked_at=now, next_step_at=now + LOOK)


def _follow(run: ProviderImport) -> None:
    job = run.job
    if job is None:
        _fail(run, "The report was removed.")
    elif job.is_running:
        _move(run, next_step_at=max(job.next_poll_at or timezone.now(), timezone.now()) + LOOK)
    elif job.state != ReportJob.State.COMPLETED:
        _fail(run, job.error)
    else:
        with transaction.atomic():
            job.tenant = run.tenant
            counts = {**usage_file(job=job, day=run.day), "aside": job.aside_rows}
            _complete(run, counts)


def _expenses(run: ProviderImport) -> None:
    _move(run, asked_at=timezone.now())
    found = expenses_fetch(mapping=run.mapping, month=run.day.replace(day=1))
    with transaction.atomic():
        counts = expenses_store(mapping=run.mapping, month=run.day.replace(day=1), found=found)
        _complete(run, counts)


STEPS: Final[dict[str, Callable[[ProviderImport], None]]] = {State.WAITING: _begin, State.RUNNING: _follow}


def _complete(run: ProviderImport, counts: dict[str, int]) -> None:
    counts = {name: count for name, count in counts.items() if count}
    ended = {"state": State.COMPLETED, "next_step_at": None, "finished_at": timezone.now()}
    _move(run, **ended, counts=counts, error="", tries=0)
    if counts.keys() - {"unchanged", "held", "aside"}:
        payload = {**told(run), **counts}
        deed(by=IMPORTER, action="gcore_import.completed", tenant=run.tenant, subject=run, payload=payload)


@transaction.atomic
def _fail(run: ProviderImport, error: str) -> None:
    """It is tried again later, so many times."""
    tries = run.tries + 1
    if tries < MOST_TRIES:
        wait = min(FIRST_WAIT * 4 ** (tries - 1), LONGEST_WAIT)
        _move(run, state=State.WAITING, tries=tries, error=error, next_step_at=timezone.now() + wait)
        return
    _move(run, state=State.FAILED, tries=tries, error=error, next_step_at=None, finished_at=timezone.now())
    payload = {**told(run), "error": error}
    deed(by=IMPORTER, action="gcore_import.failed", tenant=run.tenant, subject=run, payload=payload)


def _move(run: ProviderImport, **changes: Any) -> None:
    """Write down what a step reached. Errors: Taken, and the transaction is undone."""
    mine = ProviderImport.objects.filter(pk=run.pk, state=run.state, next_step_at=run.next_step_at)
    if not mine.update(**changes):
        raise Taken

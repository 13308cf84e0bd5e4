"""Clearing away what nobody needs any more: by jobs that the rooms enter, in small transactions.

Whatever a run leaves undone, because it ended early or another was at it, the next one does.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.core.files.storage import default_storage
from django.db import DatabaseError
from django.utils import timezone

from accounts.errors import AppError
from accounts.metrics import CLEARED
from accounts.models import RetentionPolicy, Tenant
from accounts.principals import Principal
from accounts.services.logs import audit

BATCH: Final = 1000  # rows of one transaction
SECONDS: Final = 240.0  # of one run; what is left is the next one's
# A file without a row may be of a row that is about to be committed.
ORPHANED_AFTER: Final = timedelta(days=1)
Removed = Iterable[tuple[Tenant | None, int]]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One run: whether it only counts, and until when it goes on."""

    dry_run: bool = False
    deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def rows(self, rows: Any) -> int:
        """Delete rows that nothing refers to, batch by batch; how many."""
        if self.dry_run:
            return int(rows.count())
        total = 0
        while not self.is_over and (ids := list(rows.order_by().values_list("pk", flat=True)[:BATCH])):
            total += rows.filter(pk__in=ids).delete()[0]
        return total

    def each(self, rows: Any, remove: Callable[[Any], object]) -> int:
        """Remove rows one by one with what belongs to them; how many. One that is in use meanwhile stays."""
        if self.dry_run:
            return int(rows.count())
        total = 0
        for row in rows.order_by()[:BATCH]:
            if self.is_over:
                break
            try:
                remove(row)
            except AppError:
                continue
            total += 1
        return total

    def files(self, folder: str, known: Callable[[Collection[str]], Collection[str]]) -> int:
        """Delete the old files of a folder that `known`, asked for some names, does not name; how many."""
        before = timezone.now() - ORPHANED_AFTER
        total = 0
        for names in _in_batches(f"{folder}/{name}" for name in _listed(folder)):
            held = set(known(names))
            for name in names:
                if self.is_over:
                    return total
                if name not in held and default_storage.get_modified_time(name) < before:
                    total += 1
                    if not self.dry_run:
                        default_storage.delete(name)
        return total


@dataclass(frozen=True, slots=True)
class Job:
    """`what` is said of what it removes: "3 expired sessions"."""

    name: str
    what: str
    remove: Callable[[Sweep], Removed]


@dataclass(frozen=True, slots=True)
class Report:
    """What a job removed, or would have; `error` when it could not be done to the end."""

    job: Job
    removed: int = 0
    error: str = ""


JOBS: Final[dict[str, Job]] = {}


def clean_up_enter(*jobs: Job) -> None:
    """Rooms enter theirs at the start."""
    JOBS.update({job.name: job for job in jobs})


def clean_up(*, by: Principal, dry_run: bool = False) -> list[Report]:
    """Do every job; one that fails keeps no other from being done."""
    sweep = Sweep(dry_run)
    return [_done(by, sweep, JOBS[name]) for name in sorted(JOBS)]


def cutoffs(name: str, default_days: int) -> Iterator[tuple[Tenant, datetime]]:
    """Each tenant, and the moment before which its data of a kind are no longer kept."""
    own = dict(RetentionPolicy.objects.exclude(**{name: None}).values_list("tenant_id", name))
    now = timezone.now()
    for tenant in Tenant.objects.order_by("pk").iterator():
        yield tenant, now - timedelta(days=own.get(tenant.pk, default_days))


def _done(by: Principal, sweep: Sweep, job: Job) -> Report:
    total, error = 0, ""
    try:
        for tenant, removed in job.remove(sweep):
            total += removed
            if removed and not sweep.dry_run:
                audit(by=by, action=f"{job.name}.cleared", tenant=tenant, changes={"removed": [0, removed]})
    except (AppError, DatabaseError, OSError) as problem:
        error = type(problem).__name__
        log.exception("clean_up_failed", job=job.name)
    if not sweep.dry_run:
        CLEARED.labels(job.name).inc(total)
        if total:
            log.info("cleared", job=job.name, removed=total)
    return Report(job, total, error)


def _listed(folder: str) -> list[str]:
    """The names of its files; none where it was never made."""
    try:
        return sorted(default_storage.listdir(folder)[1])
    except FileNotFoundError:
        return []


def _in_batches(names: Iterator[str]) -> Iterator[list[str]]:
    held = list(names)
    for start in range(0, len(held), BATCH):
        yield held[start : start + BATCH]

"""What the clock does to builds that nobody reports on any more."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.errors import AppError
from accounts.principals import SYSTEM
from builds.models import Build
from builds.queries.overdue import overdue
from builds.rules import HEARTBEAT_LOST, OPEN, Decision, Fault, Move, Status
from builds.services.builds import cancelled
from builds.services.moves import apply, tell
from builds.services.reports import Failing, entry_of, note_failure
from builds.timing import CANCEL_GRACE, HEARTBEAT_LIMIT

LOST: Final = Failing(
    error_message=f"No heartbeat came for {HEARTBEAT_LIMIT.total_seconds():.0f} seconds.",
    error_code=HEARTBEAT_LOST,
    fault=Fault.INFRASTRUCTURE.value,
)
MOST_AT_ONCE: Final = 1000
log = structlog.get_logger(__name__)


def builds_sweep(*, now: datetime | None = None) -> dict[str, int]:
    """Fail what lost its heartbeat, end what was asked to stop, tell once of what is overdue; how many."""
    now = now or timezone.now()
    opened = Build.objects.filter(status__in=OPEN, tenant__is_active=True)
    lost = opened.filter(heartbeat_at__lte=now - HEARTBEAT_LIMIT)
    asked = opened.filter(cancel_requested_at__lte=now - CANCEL_GRACE)
    return {
        "cancelled": _each(asked, _force_cancel, now),
        "lost": _each(lost, _fail, now),
        "overdue": _each(overdue(opened, now).filter(overdue_told_at=None), _tell_overdue, now),
    }


def _each(found: QuerySet[Build], do: Callable[[Build, datetime], None], now: datetime) -> int:
    """Do it to each that is still found under its lock; another sweep's are skipped."""
    done = 0
    for pk, tenant in list(found.values_list("pk", "tenant")[:MOST_AT_ONCE]):
        try:
            with transaction.atomic():
                locked = found.select_for_update(of=("self",), skip_locked=True).select_related("tenant")
                if (build := locked.filter(pk=pk, tenant=tenant).first()) is not None:
                    do(build, now)
                    done += 1
        except AppError as error:  # one that cannot be told of stops no other
            log.warning("build_not_swept", build=str(pk), error=error.message)
    return done


def _fail(build: Build, now: datetime) -> None:
    decision = Decision(Move.FAIL, build.state_code, Status.FAILED)
    apply(by=SYSTEM, build=build, decision=decision, entry=entry_of(LOST), now=now)
    note_failure(build=build, failing=LOST, now=now)


def _force_cancel(build: Build, now: datetime) -> None:
    decision = Decision(Move.CANCEL, build.state_code, Status.CANCELLED)
    cancelled(by=SYSTEM, build=build, decision=decision, reason="")


def _tell_overdue(build: Build, now: datetime) -> None:
    Build.objects.for_tenant(build.tenant).filter(pk=build.pk).update(overdue_told_at=now)
    tell(by=SYSTEM, build=build, action="build.overdue")

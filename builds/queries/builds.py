"""Builds as they are read: each with what follows from where it stands and from the clock."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from accounts.models import Tenant
from builds.models import Artifact, Build, BuildState, Resume, StateCode, Variable
from builds.rules import Status
from builds.timing import HEARTBEAT_STALE

MASK = "******"
MOST_HISTORY = 200


def builds_read(rows: QuerySet[Build]) -> QuerySet[Build]:
    """The rows with all that a reader of them asks for, in a fixed number of queries."""
    return rows.select_related("platform", "os_version", "image_type", "project").prefetch_related(
        "template__codes"
    )


def builds_listed(rows: QuerySet[Build]) -> QuerySet[Build]:
    """The rows with the slugs of their parts (`platform_slug` …) where `builds_read` has whole objects."""
    slugs = {
        f"{noun}_slug": F(f"{noun}__slug") for noun in ("platform", "os_version", "image_type", "project")
    }
    return rows.annotate(**slugs).prefetch_related("template__codes")


def state_of(build: Build) -> StateCode:
    """The milestone that it stands at."""
    return build.template.by_code[build.state_code]


def next_code(build: Build) -> int | None:
    """The milestone after it, while it goes on."""
    if not build.is_open:
        return None
    codes = build.template.by_code.values()
    return next((at.code for at in codes if at.code > build.state_code and at.deactivated_at is None), None)


def is_retryable_now(build: Build) -> bool:
    """Would a report of the code that it failed at be taken as a retry?"""
    failed = build.status == Status.FAILED
    return failed and build.retryable and build.attempt <= state_of(build).retry_max


def is_overdue(build: Build, now: datetime | None = None) -> bool:
    """Longer in its state than twice what that is expected to take at most."""
    waited = (now or timezone.now()) - build.entered_at
    return build.is_open and waited > timedelta(minutes=state_of(build).budget_minutes)


def is_stuck(build: Build, now: datetime | None = None) -> bool:
    """It sent heartbeats, and they stopped."""
    if build.heartbeat_at is None or not build.is_open:
        return False
    return (now or timezone.now()) - build.heartbeat_at >= HEARTBEAT_STALE


def build_history(build: Build) -> QuerySet[BuildState]:
    """The newest MOST_HISTORY rows, the newest first."""
    rows: QuerySet[BuildState] = BuildState.objects.for_tenant(build.tenant).filter(build=build)
    return rows[:MOST_HISTORY]


def artifacts_of(tenant: Tenant, build: Build) -> QuerySet[Artifact]:
    """Those that were not deleted, the newest first."""
    rows: QuerySet[Artifact] = Artifact.objects.for_tenant(tenant).filter(build=build, deleted_at=None)
    return rows


def shown_value(variable: Variable) -> str:
    return MASK if variable.is_secret else variable.value


def resume_context(build: Build) -> dict[str, Any]:
    """What a run needs to take the build up again: from where, with what. Secret variables are masked."""
    resume_from = _resume_from(build)
    now = timezone.now()
    live = artifacts_of(build.tenant, build).filter(Q(expires_at=None) | Q(expires_at__gt=now))
    resumable = list(live.filter(is_resumable=True))
    before = [artifact for artifact in resumable if artifact.state_code < resume_from]
    variables = Variable.objects.for_tenant(build.tenant).filter(build=build)
    return {
        "id": str(build.pk),
        "build_id": build.build_id,
        "status": build.status,
        "current_state": build.state_code,
        "attempt": build.attempt,
        "reason": build.reason,
        "message": build.message,
        "failed_state": build.state_code if build.status == Status.FAILED else None,
        "last_successful_state": _last_successful(build),
        "resume_from_state": resume_from,
        "artifact": _told(before[0]) if before else None,
        "artifacts": [_told(artifact) for artifact in resumable],
        "variables": {variable.key: shown_value(variable) for variable in variables},
        "secret_variables": [variable.key for variable in variables if variable.is_secret],
    }


def _resume_from(build: Build) -> int:
    """Where the resume that goes on began, else where the build stands."""
    open_one = Resume.objects.for_tenant(build.tenant).filter(build=build, outcome=Resume.Outcome.OPEN)
    found: int | None = open_one.values_list("from_code", flat=True).first()
    return build.state_code if found is None else found


def _last_successful(build: Build) -> int | None:
    done = Q(outcome=Status.COMPLETED) | Q(status=Status.COMPLETED)
    rows = BuildState.objects.for_tenant(build.tenant).filter(done, build=build, applied=True)
    found: int | None = rows.aggregate(highest=Max("state_code"))["highest"]
    return found


def _told(artifact: Artifact) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "type": artifact.type,
        "storage_type": artifact.storage_type,
        "path": artifact.path,
        "checksum": artifact.checksum,
        "state_code": artifact.state_code,
    }

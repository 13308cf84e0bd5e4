"""What pipelines report of a build: states, failures, heartbeats."""

import dataclasses
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.errors import ValidationFailed
from accounts.principals import Principal
from builds.models import Artifact, Build, BuildFailure, BuildState, StateCode
from builds.rules import (
    DELIVERED,
    HEARTBEAT_LOST,
    Decision,
    Fault,
    Move,
    Refusal,
    Report,
    Rule,
    Standing,
    Status,
    decide,
    decide_heartbeat,
)
from builds.services.builds import Outcome
from builds.services.channels import latest_follow
from builds.services.moves import (
    Entry,
    append_late,
    apply,
    build_lock,
    build_lock_at,
    refused,
    run_is_past,
    standing_of,
)
from builds.timing import CLOCK_SKEW

FAILED: Final = "FAILED"


@dataclass(frozen=True, slots=True)
class Failing:
    """What is told of a failure; two with the same code, component and message are one."""

    error_message: str
    error_code: str = ""
    component: str = ""
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    fault: str = Fault.UNKNOWN.value
    retryable: bool = True

    @property
    def digest(self) -> str:
        parts = (self.error_code, self.component, self.error_message)
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


@transaction.atomic
def build_report(*, by: Principal, build: Build, report: Report, entry: Entry) -> Outcome:
    """Take a state report. Errors: 400 no code of the build's template, 409 with the rule as `code`.

    What was told before, and what comes too late to count, changes nothing.
    """
    row, is_code, has_webhooks = build_lock_at(tenant=build.tenant, build=build, code=report.code)
    now = timezone.now()
    if entry.occurred_at is not None and entry.occurred_at > now + CLOCK_SKEW:
        raise ValidationFailed.field("occurred_at", "it is more than five minutes in the future.")
    if not is_code:
        raise ValidationFailed.field("state_code", f"{report.code} is no state of this build's template.")
    report = dataclasses.replace(
        report, says_nothing_new=_says_nothing_new(row, entry), run_is_past=run_is_past(row, report.run_id)
    )
    decision = _decided(row, report, now)
    if decision.move == Move.LATE:
        append_late(by=by, build=row, code=report.code, status=report.meant, entry=entry, now=now)
    if decision.move in (Move.LATE, Move.NOTHING):
        return Outcome(row, changed=False)
    # A run that was taken for lost, and says itself that it failed, tells of another failure.
    was_over = row.status == Status.FAILED and row.reason != HEARTBEAT_LOST
    if decision.status != Status.FAILED or was_over:
        is_last = decision.move != Move.COMPLETE and not has_webhooks
        apply(by=by, build=row, decision=decision, entry=entry, now=now, is_last=is_last)
        if decision.move == Move.COMPLETE:
            latest_follow(by=by, build=row)
        return Outcome(row, changed=True)
    failing = Failing(entry.message or f"State {report.code} failed.")
    entry = dataclasses.replace(entry, reason=FAILED, fault=failing.fault)
    apply(by=by, build=row, decision=decision, entry=entry, now=now)
    note_failure(build=row, failing=failing, now=now)
    return Outcome(row, changed=True)


@transaction.atomic
def build_fail(
    *, by: Principal, build: Build, failing: Failing, code: int | None = None, run_id: str = ""
) -> tuple[Outcome, BuildFailure]:
    """The build failed where it stands; a `code` that is given must be that one. Errors: 409.

    The same failure of the same attempt told again counts, and changes nothing else.
    """
    row, now = build_lock(tenant=build.tenant, build=build), timezone.now()
    report = Report(
        code=row.state_code,
        status=Status.FAILED,
        run_id=run_id,
        expected=code,
        says_nothing_new=code in (None, row.state_code) and _failures(row, failing).exists(),
        run_is_past=run_is_past(row, run_id),
    )
    decision = _decided(row, report, now)
    if decision.move != Move.NOTHING:
        apply(by=by, build=row, decision=decision, entry=entry_of(failing, run_id), now=now)
    failure = note_failure(build=row, failing=failing, now=now)
    return Outcome(row, changed=decision.move != Move.NOTHING), failure


@transaction.atomic
def build_heartbeat(
    *, by: Principal, build: Build, run_id: str = "", progress: int | None = None, message: str | None = None
) -> Build:
    """The run is alive; one that was given up comes back. Errors: 409 it is not this run's, or over."""
    row, now = build_lock(tenant=build.tenant, build=build), timezone.now()
    standing = standing_of(row, now)
    report = Report(code=row.state_code, run_id=run_id, run_is_past=run_is_past(row, run_id))
    decision = decide_heartbeat(standing, report)
    if isinstance(decision, Refusal):
        raise refused(decision, standing)
    if decision.revived:
        apply(by=by, build=row, decision=decision, entry=Entry(message=message, run_id=run_id), now=now)
    row.heartbeat_at = row.reported_at = now
    row.run_id = run_id or row.run_id
    row.progress = row.progress if progress is None else progress
    row.message = row.message if message is None else message
    row.save(update_fields=["heartbeat_at", "reported_at", "run_id", "progress", "message", "updated_at"])
    return row


def entry_of(failing: Failing, run_id: str = "") -> Entry:
    return Entry(
        message=failing.error_message,
        reason=failing.error_code or FAILED,
        fault=failing.fault,
        run_id=run_id,
        retryable=failing.retryable,
    )


def note_failure(*, build: Build, failing: Failing, now: datetime) -> BuildFailure:
    """Keep a failure of the attempt that the build stands at, or count the one that says the same."""
    failure, is_new = BuildFailure.objects.get_or_create(
        tenant=build.tenant,
        build=build,
        state_code=build.state_code,
        attempt=build.attempt,
        digest=failing.digest,
        defaults={**dataclasses.asdict(failing), "created_at": now, "last_at": now},
    )
    if not is_new:
        BuildFailure.objects.for_tenant(build.tenant).filter(pk=failure.pk).update(
            occurrences=F("occurrences") + 1, last_at=now, resolved_at=None, resolution=""
        )
        failure.refresh_from_db()
    return failure


def _failures(build: Build, failing: Failing) -> Any:
    rows = BuildFailure.objects.for_tenant(build.tenant).filter(build=build, state_code=build.state_code)
    return rows.filter(attempt=build.attempt, digest=failing.digest)


def _decided(build: Build, report: Report, now: datetime) -> Decision:
    standing = standing_of(build, now)
    lacking = _lacking(build) if report.code == DELIVERED and build.is_open else ()
    standing = dataclasses.replace(standing, lacking=lacking)
    found = decide(standing, report)
    if isinstance(found, Refusal):
        raise refused(found, standing, **_missing(found, standing))
    return found


def _missing(refusal: Refusal, standing: Standing) -> dict[str, Any]:
    return {"missing": list(standing.lacking)} if refusal.rule == Rule.INCOMPLETE_BUILD else {}


def _lacking(build: Build) -> tuple[str, ...]:
    """What the build's project and template want of it before it is delivered."""
    lacking = []
    if build.project is not None and build.project.requires_final_artifact:
        final = Artifact.objects.for_tenant(build.tenant).filter(build=build, is_final=True, deleted_at=None)
        lacking += [] if final.exists() else ["a final artifact"]
    blocking = StateCode.objects.filter(template=build.template_id, is_blocking=True, deactivated_at=None)
    been = BuildState.objects.for_tenant(build.tenant).filter(build=build, applied=True).values("state_code")
    missed = blocking.exclude(code__in=been).exclude(code=DELIVERED)
    return (*lacking, *(f"state {row.code} ({row.name})" for row in missed))


def _says_nothing_new(build: Build, entry: Entry) -> bool:
    if entry.message not in (None, build.message):
        return False
    if not entry.metadata and not entry.artifact:
        return True
    last = BuildState.objects.for_tenant(build.tenant).filter(build=build, applied=True).first()
    return last is not None and (entry.metadata, entry.artifact) == (last.metadata, last.artifact)

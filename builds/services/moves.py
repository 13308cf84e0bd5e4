"""How a decision of the rules is written down: history, intervals, the build itself, and the log."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Max, Q

from accounts.errors import Conflict, NotFound
from accounts.models import Tenant, Webhook
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.statements import Statement, change, columns, insertion, prepared, row_of, sent
from builds.models import Build, BuildFailure, BuildState, Resume, StateCode
from builds.rules import (
    HEARTBEAT_LOST,
    OPEN,
    QUEUED,
    Decision,
    Move,
    Refusal,
    Rule,
    Standing,
    Status,
    allowed_codes,
)
from builds.timing import HEARTBEAT_STALE

USER_CANCELLED: Final = "USER_CANCELLED"
DEEDS: Final = {
    Move.UPDATE: "build.updated",
    Move.ENTER: "build.state_changed",
    Move.FINISH: "build.state_changed",
    Move.COMPLETE: "build.completed",
    Move.FAIL: "build.failed",
    Move.RETRY: "build.retried",
    Move.REQUEST_CANCEL: "build.cancel_requested",
    Move.CANCEL: "build.cancelled",
    Move.RESUME: "build.resumed",
}
ENDS: Final = {
    Move.COMPLETE: Resume.Outcome.COMPLETED,
    Move.FAIL: Resume.Outcome.FAILED,
    Move.CANCEL: Resume.Outcome.CANCELLED,
}

# What every report does, and so not made anew by the ORM each time.
LOCK: Final = f"""
SELECT {columns(Build, "build")}, EXISTS (
    SELECT 1 FROM {StateCode._meta.db_table} AS state
    WHERE state.template_id = build.template_id AND state.code = %s AND state.deactivated_at IS NULL
) AS is_code, EXISTS (
    SELECT 1 FROM {Webhook._meta.db_table} AS webhook WHERE webhook.tenant_id = build.tenant_id AND is_active
) AS has_webhooks FROM {Build._meta.db_table} AS build WHERE build.tenant_id = %s AND build.id = %s
"""  # noqa: S608
CLOSE: Final = f"""
UPDATE {BuildState._meta.db_table} SET left_at = %s, outcome = %s
WHERE tenant_id = %s AND build_id = %s AND entered_at IS NOT NULL AND left_at IS NULL
"""  # noqa: S608
# What a move may change of a build; the rest, such as its metadata, is not written again.
SETTLED: Final = (
    "state_code", "status", "attempt", "step_done", "high_water_code", "message", "reason", "fault",
    "retryable", "run_id", "seq", "entered_at", "occurred_at", "reported_at", "started_at", "ended_at",
    "heartbeat_at", "progress", "cancel_requested_at", "overdue_told_at", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row of the history says beside where it leads."""

    message: str | None = None
    reason: str = ""
    fault: str = ""
    run_id: str = ""
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict)
    artifact: dict[str, Any] = dataclasses.field(default_factory=dict)
    occurred_at: datetime | None = None
    retryable: bool = True


class Locked(NamedTuple):
    """A build's row, locked until commit, and what its reporter needs to know beside it."""

    build: Build
    is_code: bool  # its template has the code that was asked for, in use
    has_webhooks: bool  # somebody is to be told of what it does


def build_lock(*, tenant: Tenant, build: Build) -> Build:
    """The build's row, locked until commit. Errors: 404."""
    return build_lock_at(tenant=tenant, build=build, code=QUEUED).build


def build_lock_at(*, tenant: Tenant, build: Build, code: int) -> Locked:
    """The same, and what is told of its code and its tenant. Errors: 404."""
    keys = prepared(Build, tenant=tenant.pk, id=build.pk)
    statement = f"{LOCK} FOR UPDATE" if connection.features.has_select_for_update else LOCK
    (cursor,) = sent((statement, [code, *keys]))
    found = cursor.fetchone()
    if found is None:
        raise NotFound("There is no such build.")
    *values, is_code, has_webhooks = found
    row = row_of(Build, values)
    row.tenant = tenant
    return Locked(row, bool(is_code), bool(has_webhooks))


def standing_of(build: Build, now: datetime) -> Standing:
    """What the rules look at."""
    failed = build.status == Status.FAILED
    return Standing(
        code=build.state_code,
        status=Status(build.status),
        attempt=build.attempt,
        retry_max=_retry_max(build) if failed else 0,  # nobody else asks for it
        occurred_at=build.occurred_at,
        step_done=build.step_done,
        retryable=build.retryable,
        run_id=build.run_id,
        run_is_fresh=now - build.reported_at < HEARTBEAT_STALE,
        heartbeat_lost=failed and build.reason == HEARTBEAT_LOST,
        cancel_requested=build.cancel_requested_at is not None,
    )


def _retry_max(build: Build) -> int:
    at = StateCode.objects.filter(template=build.template_id, code=build.state_code)
    return at.values_list("retry_max", flat=True).get()


def run_is_past(build: Build, run_id: str) -> bool:
    """Did this run, which is not its owner, once write to the build?"""
    if run_id in ("", build.run_id):
        return False
    return bool(BuildState.objects.for_tenant(build.tenant).filter(build=build, run_id=run_id).exists())


def refused(refusal: Refusal, standing: Standing, **extra: Any) -> Conflict:
    """409 that names the rule as `code`, and what could be reported instead."""
    return conflict(
        refusal.rule,
        refusal.message,
        current_state=standing.code,
        status=standing.status.value,
        attempt=standing.attempt,
        allowed=allowed_codes(standing),
        **extra,
    )


def conflict(rule: Rule, message: str, **extra: Any) -> Conflict:
    return Conflict(message, extra={"code": rule.value, **extra})


def apply(
    *,
    by: Principal,
    build: Build,
    decision: Decision,
    entry: Entry,
    now: datetime,
    is_last: bool = False,
) -> Build:
    """Write the decision into the locked build and its history, and tell of it; `is_last` as in `deed`."""
    before = {"state_code": build.state_code, "status": build.status, "attempt": build.attempt}
    if decision.revived:
        _revive(build, now)
    closing = _closing(build, decision, now)
    begins = decision.enters or decision.code != build.state_code
    _settle(build, decision, entry, now)
    _end_others(build, decision, now)
    writes = (*closing, _appending(by, build, decision, entry, now, begins=begins), change(build, SETTLED))
    after = {"state_code": build.state_code, "status": build.status, "attempt": build.attempt}
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    action = "build.revived" if decision.revived else DEEDS[decision.move]
    tell(by=by, build=build, action=action, changes=changes, writes=writes, is_last=is_last)
    return build


def append_late(*, by: Principal, build: Build, code: int, status: str, entry: Entry, now: datetime) -> bool:
    """Note in the history what came too late to count; False when it is there already.

    Or when it counted as it came first, which noted the build's run with one that named none.
    """
    told = BuildState.objects.for_tenant(build.tenant).filter(
        build=build, state_code=code, status=status, occurred_at=entry.occurred_at
    )
    of_run = Q(run_id=entry.run_id) if entry.run_id else Q(run_id="") | Q(applied=True)
    if told.filter(of_run).exists():
        return False
    build.seq += 1
    row = _row(by, build, entry, now, state_code=code, status=status, applied=False, run_id=entry.run_id)
    writes = (row, change(build, ("seq", "updated_at")))
    tell(by=by, build=build, action="build.late_report", writes=writes)
    return True


def tell(
    *,
    by: Principal,
    build: Build,
    action: str,
    changes: dict[str, Any] | None = None,
    writes: Sequence[Statement] = (),
    is_last: bool = False,
) -> None:
    """Every change of a build ends here: its last writes, audit, activity, and so the webhooks."""
    payload = {
        "build_id": build.build_id,
        "state_code": build.state_code,
        "status": build.status,
        "attempt": build.attempt,
        "message": build.message,
        "reason": build.reason,
        "fault": build.fault,
    }
    deed(
        by=by,
        action=action,
        tenant=build.tenant,
        subject=build,
        changes=changes,
        payload=payload,
        writes=writes,
        is_last=is_last,
    )


def _closing(build: Build, decision: Decision, now: datetime) -> tuple[Statement, ...]:
    """Whatever enters, finishes or ends leaves the interval that is open."""
    if decision.move in (Move.UPDATE, Move.REQUEST_CANCEL):
        return ()
    stays = decision.code == build.state_code
    ended = {Move.FAIL: Status.FAILED, Move.CANCEL: Status.CANCELLED}
    outcome = ended.get(decision.move, Status.COMPLETED) if stays else Status.COMPLETED
    told = {"left_at": now, "outcome": outcome, "tenant": build.tenant_id, "build": build.pk}
    close = (CLOSE, prepared(BuildState, **told))
    if decision.move != Move.FAIL or not stays:
        return (close,)
    (cursor,) = sent(close)
    if not cursor.rowcount:  # its milestone had been reported completed
        _attempt(build).filter(outcome=Status.COMPLETED).update(outcome=Status.FAILED)
    return ()


def _end_others(build: Build, decision: Decision, now: datetime) -> None:
    """A resume ends as its build does, and what is delivered makes its failures good."""
    if decision.move in ENDS:
        resumes = Resume.objects.for_tenant(build.tenant).filter(build=build, outcome=Resume.Outcome.OPEN)
        resumes.update(outcome=ENDS[decision.move], ended_at=now)
    if decision.move == Move.COMPLETE:
        _failures(build).update(resolved_at=now, resolution="completed")


def _attempt(build: Build) -> Any:
    """The rows of the attempt that it is at."""
    rows = BuildState.objects.for_tenant(build.tenant).filter(build=build, state_code=build.state_code)
    return rows.filter(attempt=build.attempt)


def _intervals(build: Build) -> Any:
    return BuildState.objects.for_tenant(build.tenant).filter(build=build, entered_at__isnull=False)


def _revive(build: Build, now: datetime) -> None:
    """It had not failed after all: its last interval and its resume go on."""
    _intervals(build).filter(left_at=build.ended_at, outcome=Status.FAILED).update(left_at=None, outcome="")
    _attempt(build).filter(outcome=Status.FAILED).update(outcome=Status.COMPLETED)  # it was over before
    resumes = Resume.objects.for_tenant(build.tenant).filter(build=build, outcome=Resume.Outcome.FAILED)
    resumes.filter(ended_at=build.ended_at).update(outcome=Resume.Outcome.OPEN, ended_at=None)
    _failures(build).filter(error_code=HEARTBEAT_LOST).update(resolved_at=now, resolution="late report")


def _failures(build: Build) -> Any:
    """Those that nothing has made good yet."""
    return BuildFailure.objects.for_tenant(build.tenant).filter(build=build, resolved_at=None)


def _settle(build: Build, decision: Decision, entry: Entry, now: datetime) -> None:
    """The build's own columns."""
    if decision.enters or decision.code != build.state_code:
        _enter(build, decision.code, now)
    build.status, build.step_done = decision.status, decision.step_done
    build.message = build.message if entry.message is None else entry.message
    build.run_id = entry.run_id or ("" if decision.move == Move.RESUME else build.run_id)
    build.reported_at, build.occurred_at = now, entry.occurred_at or now
    # Whoever takes it up may take their time; their own first heartbeat is the first to be missed.
    build.heartbeat_at = None if decision.move == Move.RESUME else build.heartbeat_at and now
    if decision.move == Move.REQUEST_CANCEL:
        build.cancel_requested_at, build.reason = now, entry.reason
    elif decision.move in (Move.COMPLETE, Move.FAIL, Move.RESUME):
        build.cancel_requested_at = None
    if decision.status in OPEN:
        _reopen(build)
    else:
        _end(build, decision, entry, now)


def _enter(build: Build, code: int, now: datetime) -> None:
    build.attempt = _next_attempt(build, code)
    build.state_code, build.high_water_code = code, max(build.high_water_code, code)
    build.entered_at, build.progress, build.overdue_told_at, build.message = now, None, None, ""
    if code and build.started_at is None:
        build.started_at = now


def _reopen(build: Build) -> None:
    build.ended_at, build.fault, build.retryable = None, "", True
    if build.cancel_requested_at is None:
        build.reason = ""


def _end(build: Build, decision: Decision, entry: Entry, now: datetime) -> None:
    """Over, as far as it goes; what is told of a failure later takes the place of what was told first."""
    if decision.move in ENDS:
        build.ended_at = now
    if decision.move == Move.COMPLETE:
        build.reason = build.fault = ""
    elif entry.reason:
        build.reason, build.fault, build.retryable = entry.reason, entry.fault, entry.retryable
    elif decision.move == Move.CANCEL:
        build.reason = build.reason or USER_CANCELLED


def _next_attempt(build: Build, code: int) -> int:
    if code > build.high_water_code:
        return 1
    rows = BuildState.objects.for_tenant(build.tenant).filter(build=build, state_code=code, applied=True)
    highest: int = rows.aggregate(highest=Max("attempt"))["highest"] or 0
    return highest + 1


def _appending(
    by: Principal, build: Build, decision: Decision, entry: Entry, now: datetime, *, begins: bool
) -> Statement:
    """The row of the history; it opens an interval when an attempt begins that goes on."""
    build.seq += 1
    return _row(
        by,
        build,
        entry,
        now,
        state_code=build.state_code,
        status=Status.COMPLETED if decision.step_done and decision.move != Move.UPDATE else build.status,
        run_id=build.run_id,
        **(_times(decision, now) if begins else {}),
    )


def _times(decision: Decision, now: datetime) -> dict[str, Any]:
    """Of an attempt that begins; how long one took that was over when it was first told of, nobody knows."""
    if decision.move == Move.COMPLETE:
        return {}
    if decision.move == Move.FAIL or decision.step_done:
        return {"left_at": now, "outcome": Status.FAILED if decision.move == Move.FAIL else Status.COMPLETED}
    return {"entered_at": now}


def _row(by: Principal, build: Build, entry: Entry, now: datetime, **values: Any) -> Statement:
    return insertion(
        BuildState,
        tenant=build.tenant_id,
        build=build.pk,
        seq=build.seq,
        attempt=build.attempt,
        message=entry.message or "",
        reason=entry.reason,
        fault=entry.fault,
        metadata=entry.metadata,
        artifact=entry.artifact,
        actor=by.actor,
        at=now,
        occurred_at=entry.occurred_at,
        **values,
    )

"""What a report may do to a build. Nothing here knows of a database or a clock."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

STEP: Final = 5
QUEUED: Final = 0
DELIVERED: Final = 100
CODES: Final = range(QUEUED, DELIVERED + 1, STEP)
HEARTBEAT_LOST: Final = "HEARTBEAT_LOST"


class Status(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Fault(StrEnum):
    """Whose it was: of what is being built, or of what it is built on."""

    USER = "user"
    INFRASTRUCTURE = "infrastructure"
    UNKNOWN = "unknown"


class Rule(StrEnum):
    """Why a report was refused."""

    STATE_REGRESSION = "state_regression"
    BUILD_TERMINAL = "build_terminal"
    RESUME_REQUIRED = "resume_required"
    RETRIES_EXHAUSTED = "retries_exhausted"
    INCOMPLETE_BUILD = "incomplete_build"
    RUN_SUPERSEDED = "run_superseded"
    STATE_CONFLICT = "state_conflict"
    DUPLICATE_BUILD = "duplicate_build"
    NOT_RESUMABLE = "not_resumable"
    RESUME_IN_PROGRESS = "resume_in_progress"
    RESUME_PREREQUISITES = "resume_prerequisites"
    INACTIVE_REFERENCE = "inactive_reference"
    IN_USE = "in_use"
    PARENT_REVOKED = "parent_revoked"
    NOT_REVOCABLE = "not_revocable"
    VERSION_NOT_ASSIGNABLE = "version_not_assignable"
    CHANNEL_MANAGED = "channel_managed"


class Move(StrEnum):
    NOTHING = "nothing"  # it was told before
    LATE = "late"  # it goes to the history alone
    UPDATE = "update"  # news of where the build stands already
    ENTER = "enter"
    FINISH = "finish"  # the milestone is done, the build goes on
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"
    REQUEST_CANCEL = "request_cancel"
    CANCEL = "cancel"
    RESUME = "resume"


OPEN: Final = (Status.PENDING, Status.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a build stands. `run_is_fresh`: its owner wrote lately; `lacking`: what 100 still waits for."""

    code: int
    status: Status
    attempt: int
    retry_max: int
    occurred_at: datetime
    step_done: bool = False
    retryable: bool = True
    run_id: str = ""
    run_is_fresh: bool = False
    heartbeat_lost: bool = False
    cancel_requested: bool = False
    lacking: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def may_retry(self) -> bool:
        return self.status == Status.FAILED and self.retryable and self.attempt <= self.retry_max


@dataclass(frozen=True, slots=True)
class Report:
    """What a pipeline says. `says_nothing_new`: its texts were told; `run_is_past`: it is of a former run."""

    code: int
    status: Status | None = None
    run_id: str = ""
    expected: int | None = None
    occurred_at: datetime | None = None
    says_nothing_new: bool = True
    run_is_past: bool = False

    @property
    def meant(self) -> Status:
        if self.status in (None, *OPEN):
            return Status.COMPLETED if self.code == DELIVERED and self.status is None else open_at(self.code)
        return self.status


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the build: its `code` and `status` after it, and whether the milestone is done."""

    move: Move
    code: int
    status: Status
    step_done: bool = False
    revived: bool = False

    @property
    def enters(self) -> bool:
        return self.move in (Move.ENTER, Move.RETRY, Move.RESUME)


@dataclass(frozen=True, slots=True)
class Refusal:
    rule: Rule
    message: str


def open_at(code: int) -> Status:
    return Status.PENDING if code == QUEUED else Status.IN_PROGRESS


def allowed_codes(standing: Standing) -> list[int]:
    """The codes that a report may carry now."""
    if standing.is_open:
        return [code for code in CODES if code >= standing.code]
    return [standing.code] if standing.may_retry else []


def decide(standing: Standing, report: Report) -> Decision | Refusal:
    """The one answer to a report."""
    if _is_late(standing, report):
        return Decision(Move.LATE, standing.code, standing.status, standing.step_done)
    if _is_replay(standing, report):
        return _nothing(standing)
    if refusal := _fenced(standing, report):
        return refusal
    if report.expected not in (None, standing.code):
        return Refusal(
            Rule.STATE_CONFLICT, f"The build is at {standing.code}, not at the expected {report.expected}."
        )
    if standing.status == Status.FAILED:
        return _after_failure(standing, report)
    return _while_open(standing, report)


def decide_heartbeat(standing: Standing, report: Report) -> Decision | Refusal:
    if refusal := _fenced(standing, report):
        return refusal
    if standing.is_open:
        return Decision(Move.UPDATE, standing.code, standing.status, standing.step_done)
    if _is_revival(standing, report):
        return Decision(Move.UPDATE, standing.code, open_at(standing.code), revived=True)
    return _resume_required(standing)


def decide_cancel(standing: Standing, *, force: bool) -> Decision | Refusal:
    """Nothing runs yet for a queued build, and nobody has to confirm; a running one is asked first."""
    if not standing.is_open:
        return Refusal(Rule.BUILD_TERMINAL, f"Nothing runs that could be cancelled: it is {standing.status}.")
    if force or standing.status == Status.PENDING:
        return Decision(Move.CANCEL, standing.code, Status.CANCELLED)
    if standing.cancel_requested:
        return _nothing(standing)
    return Decision(Move.REQUEST_CANCEL, standing.code, standing.status, standing.step_done)


def decide_resume(standing: Standing, code: int, *, resumable: bool, resuming: bool) -> Decision | Refusal:
    """Take a failed or cancelled build up again at `code`; `resuming`: it was, and has not ended since."""
    if resuming:
        return Refusal(Rule.RESUME_IN_PROGRESS, "A resume of this build goes on already.")
    if standing.status not in (Status.FAILED, Status.CANCELLED):
        return Refusal(
            Rule.NOT_RESUMABLE, f"Only a failed or cancelled build is resumed; it is {standing.status}."
        )
    if code > standing.code:
        return Refusal(Rule.NOT_RESUMABLE, f"The build came to {standing.code}; it cannot resume at {code}.")
    if not resumable:
        return Refusal(Rule.NOT_RESUMABLE, f"A build does not resume at {code}.")
    return Decision(Move.RESUME, code, open_at(code))


def _is_late(standing: Standing, report: Report) -> bool:
    """It tells of the past, and the build is past it."""
    if report.occurred_at is None:
        return False
    return report.occurred_at < standing.occurred_at and report.code <= standing.code


def _is_replay(standing: Standing, report: Report) -> bool:
    if report.code != standing.code or report.run_id not in ("", standing.run_id):
        return False
    if not report.says_nothing_new:
        return False
    if not standing.is_open:
        return report.meant == standing.status
    if report.meant == Status.COMPLETED:
        return standing.step_done
    return report.meant in OPEN and not (standing.step_done and report.status is not None)


def _fenced(standing: Standing, report: Report) -> Refusal | None:
    """The end of a build, and another run's build, are not written to."""
    if standing.status in (Status.COMPLETED, Status.CANCELLED):
        return Refusal(Rule.BUILD_TERMINAL, f"The build is {standing.status}; nothing changes it any more.")
    if report.run_id in ("", standing.run_id):
        return None
    owned = standing.is_open and standing.run_id != "" and standing.run_is_fresh
    if report.run_is_past or owned:
        return Refusal(Rule.RUN_SUPERSEDED, f"The build belongs to another run than {report.run_id}.")
    return None


def _is_revival(standing: Standing, report: Report) -> bool:
    return standing.heartbeat_lost and report.run_id in ("", standing.run_id)


def _after_failure(standing: Standing, report: Report) -> Decision | Refusal:
    if report.meant == Status.FAILED and report.code == standing.code:
        return Decision(Move.UPDATE, standing.code, standing.status)
    if report.meant == Status.CANCELLED:
        return Refusal(Rule.BUILD_TERMINAL, "Nothing runs that could be cancelled: it is failed.")
    if _is_revival(standing, report):
        alive = dataclasses.replace(standing, status=open_at(standing.code), heartbeat_lost=False)
        found = _while_open(alive, report)
        return dataclasses.replace(found, revived=True) if isinstance(found, Decision) else found
    if report.code != standing.code or not standing.retryable:
        return _resume_required(standing)
    if not standing.may_retry:
        return Refusal(
            Rule.RETRIES_EXHAUSTED,
            f"State {standing.code} was retried {standing.retry_max} times; resume it.",
        )
    return Decision(Move.RETRY, standing.code, open_at(standing.code), report.meant == Status.COMPLETED)


def _resume_required(standing: Standing) -> Refusal:
    hint = f"report {standing.code} to retry, or resume it" if standing.may_retry else "resume it"
    return Refusal(Rule.RESUME_REQUIRED, f"The build failed at {standing.code}: {hint}.")


def _while_open(standing: Standing, report: Report) -> Decision | Refusal:
    if report.code < standing.code:
        return Refusal(
            Rule.STATE_REGRESSION,
            f"The build is at {standing.code}; only a resume takes it back to {report.code}.",
        )
    if report.code == DELIVERED:
        return _at_the_end(standing, report)
    if report.meant == Status.CANCELLED:
        return _cancelled(standing, report)
    if report.meant == Status.FAILED:
        return Decision(Move.FAIL, report.code, Status.FAILED)
    if report.code == standing.code:
        return _at_the_same(standing, report)
    return Decision(Move.ENTER, report.code, open_at(report.code), report.meant == Status.COMPLETED)


def _at_the_end(standing: Standing, report: Report) -> Decision | Refusal:
    if report.meant != Status.COMPLETED:
        return Refusal(
            Rule.INCOMPLETE_BUILD, "100 means delivered; report what is not at the code it stands at."
        )
    if standing.lacking:
        return Refusal(Rule.INCOMPLETE_BUILD, f"The build still lacks: {', '.join(standing.lacking)}.")
    return Decision(Move.COMPLETE, DELIVERED, Status.COMPLETED, step_done=True)


def _cancelled(standing: Standing, report: Report) -> Decision | Refusal:
    if report.code != standing.code:
        return Refusal(Rule.STATE_CONFLICT, f"The build is cancelled where it stands, at {standing.code}.")
    return Decision(Move.CANCEL, standing.code, Status.CANCELLED)


def _at_the_same(standing: Standing, report: Report) -> Decision | Refusal:
    if report.meant == Status.COMPLETED and not standing.step_done:
        return Decision(Move.FINISH, standing.code, standing.status, step_done=True)
    if standing.step_done and report.status in OPEN:
        return Refusal(Rule.STATE_REGRESSION, f"State {standing.code} is completed; go on to a later one.")
    return Decision(Move.UPDATE, standing.code, standing.status, standing.step_done)


def _nothing(standing: Standing) -> Decision:
    return Decision(Move.NOTHING, standing.code, standing.status, standing.step_done)

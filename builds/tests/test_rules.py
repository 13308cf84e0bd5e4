"""The rules as a table: where a build stands, what is reported, what becomes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from builds.rules import (
    CODES,
    Decision,
    Move,
    Refusal,
    Report,
    Rule,
    Standing,
    Status,
    allowed_codes,
    decide,
    decide_cancel,
    decide_heartbeat,
    decide_resume,
)

NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
P, R, D, F, C = Status.PENDING, Status.IN_PROGRESS, Status.COMPLETED, Status.FAILED, Status.CANCELLED


def at(code: int, status: Status, **others: Any) -> Standing:
    return Standing(
        **{"attempt": 1, "retry_max": 3, "occurred_at": NOON, **others, "code": code, "status": status}
    )


def says(code: int, status: Status | None = None, **others: Any) -> Report:
    return Report(code=code, status=status, **others)


NEWS: Final[dict[str, Any]] = {"says_nothing_new": False}
LOST: Final[dict[str, Any]] = {"heartbeat_lost": True, "run_id": "a"}


@pytest.mark.parametrize(
    ("standing", "report", "expected"),
    [
        # forward, in jumps of any size
        (at(0, P), says(5), (Move.ENTER, 5, R)),
        (at(0, P), says(10, R), (Move.ENTER, 10, R)),
        (at(10, R), says(75), (Move.ENTER, 75, R)),
        (at(25, R), says(50, D), (Move.ENTER, 50, R)),
        (at(75, R), says(100), (Move.COMPLETE, 100, D)),
        (at(0, P), says(100, D), (Move.COMPLETE, 100, D)),
        (at(95, R), says(100, R), Rule.INCOMPLETE_BUILD),
        (at(95, R), says(100, F), Rule.INCOMPLETE_BUILD),
        (at(95, R, lacking=("a final artifact",)), says(100), Rule.INCOMPLETE_BUILD),
        # where it stands
        (at(25, R), says(25), (Move.NOTHING, 25, R)),
        (at(25, R), says(25, R, **NEWS), (Move.UPDATE, 25, R)),
        (at(25, R), says(25, D), (Move.FINISH, 25, R)),
        (at(25, R, step_done=True), says(25, D), (Move.NOTHING, 25, R)),
        (at(25, R, step_done=True), says(25, **NEWS), (Move.UPDATE, 25, R)),
        (at(25, R, step_done=True), says(25, R), Rule.STATE_REGRESSION),
        (at(0, P), says(0, P), (Move.NOTHING, 0, P)),
        (at(0, P), says(0, R), (Move.NOTHING, 0, P)),
        # back
        (at(25, R), says(20), Rule.STATE_REGRESSION),
        (at(25, R), says(20, F), Rule.STATE_REGRESSION),
        (at(25, R), says(0, P), Rule.STATE_REGRESSION),
        # failing, retrying
        (at(25, R), says(25, F), (Move.FAIL, 25, F)),
        (at(0, P), says(0, F), (Move.FAIL, 0, F)),
        (at(25, R), says(30, F), (Move.FAIL, 30, F)),
        (at(25, F), says(25, F), (Move.NOTHING, 25, F)),
        (at(25, F), says(25, F, **NEWS), (Move.UPDATE, 25, F)),
        (at(25, F), says(25), (Move.RETRY, 25, R)),
        (at(25, F), says(25, D), (Move.RETRY, 25, R)),
        (at(0, F), says(0), (Move.RETRY, 0, P)),
        (at(25, F, attempt=3), says(25), (Move.RETRY, 25, R)),
        (at(25, F, attempt=4), says(25), Rule.RETRIES_EXHAUSTED),
        (at(25, F, retryable=False), says(25), Rule.RESUME_REQUIRED),
        (at(25, F), says(30), Rule.RESUME_REQUIRED),
        (at(25, F), says(20), Rule.RESUME_REQUIRED),
        (at(25, F), says(30, F), Rule.RESUME_REQUIRED),
        (at(25, F), says(100), Rule.RESUME_REQUIRED),
        (at(25, F), says(25, C), Rule.BUILD_TERMINAL),
        # the end
        (at(100, D), says(100), (Move.NOTHING, 100, D)),
        (at(100, D), says(100, D), (Move.NOTHING, 100, D)),
        (at(100, D), says(100, **NEWS), Rule.BUILD_TERMINAL),
        (at(100, D), says(100, F), Rule.BUILD_TERMINAL),
        (at(100, D), says(95), Rule.BUILD_TERMINAL),
        (at(25, C), says(25, C), (Move.NOTHING, 25, C)),
        (at(25, C), says(25), Rule.BUILD_TERMINAL),
        (at(25, C), says(30), Rule.BUILD_TERMINAL),
        (at(25, R), says(25, C), (Move.CANCEL, 25, C)),
        (at(25, R), says(30, C), Rule.STATE_CONFLICT),
        (at(25, R, cancel_requested=True), says(100), (Move.COMPLETE, 100, D)),
        # what the reporter expected
        (at(25, R), says(30, expected=25), (Move.ENTER, 30, R)),
        (at(25, R), says(30, expected=20), Rule.STATE_CONFLICT),
        (at(25, R), says(25, expected=20), (Move.NOTHING, 25, R)),
        # whose build it is
        (at(25, R, run_id="a", run_is_fresh=True), says(30, run_id="a"), (Move.ENTER, 30, R)),
        (at(25, R, run_id="a", run_is_fresh=True), says(30), (Move.ENTER, 30, R)),
        (at(25, R, run_id="a", run_is_fresh=True), says(30, run_id="b"), Rule.RUN_SUPERSEDED),
        (at(25, R, run_id="a", run_is_fresh=True), says(25, run_id="b"), Rule.RUN_SUPERSEDED),
        (at(25, R, run_id="a"), says(30, run_id="b"), (Move.ENTER, 30, R)),
        (at(25, R, run_id="a"), says(30, run_id="b", run_is_past=True), Rule.RUN_SUPERSEDED),
        (at(25, R, run_is_fresh=True), says(30, run_id="b"), (Move.ENTER, 30, R)),
        (at(25, F, run_id="a", run_is_fresh=True), says(25, run_id="b"), (Move.RETRY, 25, R)),
        # late, and given up too early
        (at(25, R), says(20, occurred_at=NOON - timedelta(seconds=1)), (Move.LATE, 25, R)),
        (at(25, R), says(25, F, occurred_at=NOON - timedelta(seconds=1)), (Move.LATE, 25, R)),
        (at(100, D), says(95, occurred_at=NOON - timedelta(seconds=1)), (Move.LATE, 100, D)),
        (at(25, R), says(30, occurred_at=NOON - timedelta(seconds=1)), (Move.ENTER, 30, R)),
        (at(25, R), says(20, occurred_at=NOON), Rule.STATE_REGRESSION),
        (at(25, F, **LOST), says(25, run_id="a"), (Move.UPDATE, 25, R)),
        (at(25, F, **LOST), says(30, run_id="a"), (Move.ENTER, 30, R)),
        (at(25, F, **LOST), says(20, run_id="a"), Rule.STATE_REGRESSION),
        (at(25, F, **LOST), says(30, run_id="b"), Rule.RESUME_REQUIRED),
        (at(25, F, **LOST), says(25, run_id="b"), (Move.RETRY, 25, R)),
    ],
)  # fmt: skip
def test_a_report_is_decided(standing: Standing, report: Report, expected: Any) -> None:
    found = decide(standing, report)
    if isinstance(expected, Rule):
        assert isinstance(found, Refusal)
        assert found.rule == expected
    else:
        assert isinstance(found, Decision)
        assert (found.move, found.code, found.status) == expected


def test_a_late_report_of_the_same_run_revives() -> None:
    lost = at(25, F, **LOST)
    for code in (25, 30, 100):
        found = decide(lost, says(code, run_id="a"))
        assert isinstance(found, Decision)
        assert found.revived
    assert decide_heartbeat(lost, says(25, run_id="a")) == Decision(Move.UPDATE, 25, R, revived=True)
    other = decide(lost, says(25, run_id="b"))
    assert isinstance(other, Decision)
    assert not other.revived


@pytest.mark.parametrize(
    ("standing", "run", "rule"),
    [
        (at(25, F), "a", Rule.RESUME_REQUIRED),
        (at(100, D), "a", Rule.BUILD_TERMINAL),
        (at(25, C), "a", Rule.BUILD_TERMINAL),
        (at(25, R, run_id="b", run_is_fresh=True), "a", Rule.RUN_SUPERSEDED),
    ],
)
def test_a_heartbeat_is_refused(standing: Standing, run: str, rule: Rule) -> None:
    found = decide_heartbeat(standing, says(standing.code, run_id=run))
    assert isinstance(found, Refusal)
    assert found.rule == rule


@pytest.mark.parametrize(
    ("standing", "force", "expected"),
    [
        (at(0, P), False, Move.CANCEL),
        (at(25, R), False, Move.REQUEST_CANCEL),
        (at(25, R), True, Move.CANCEL),
        (at(25, R, cancel_requested=True), False, Move.NOTHING),
        (at(25, R, cancel_requested=True), True, Move.CANCEL),
        (at(25, F), True, Rule.BUILD_TERMINAL),
        (at(25, C), False, Rule.BUILD_TERMINAL),
        (at(100, D), False, Rule.BUILD_TERMINAL),
    ],
)
def test_a_cancel_is_decided(standing: Standing, force: bool, expected: Move | Rule) -> None:
    found = decide_cancel(standing, force=force)
    assert (found.rule if isinstance(found, Refusal) else found.move) == expected


@pytest.mark.parametrize(
    ("standing", "code", "others", "expected"),
    [
        (at(60, F), 60, {}, (60, R)),
        (at(60, C), 25, {}, (25, R)),
        (at(60, F), 0, {}, (0, P)),
        (at(60, F), 65, {}, Rule.NOT_RESUMABLE),
        (at(60, F), 25, {"resumable": False}, Rule.NOT_RESUMABLE),
        (at(60, R), 60, {}, Rule.NOT_RESUMABLE),
        (at(60, R), 60, {"resuming": True}, Rule.RESUME_IN_PROGRESS),
        (at(100, D), 95, {}, Rule.NOT_RESUMABLE),
    ],
)
def test_a_resume_is_decided(standing: Standing, code: int, others: dict[str, bool], expected: Any) -> None:
    found = decide_resume(standing, code, **{"resumable": True, "resuming": False, **others})
    assert (found.rule if isinstance(found, Refusal) else (found.code, found.status)) == expected


def test_what_may_be_reported_is_told() -> None:
    assert allowed_codes(at(90, R)) == [90, 95, 100]
    assert allowed_codes(at(0, P)) == list(CODES)
    assert allowed_codes(at(25, F)) == [25]
    assert allowed_codes(at(25, F, attempt=4)) == []
    assert allowed_codes(at(100, D)) == []

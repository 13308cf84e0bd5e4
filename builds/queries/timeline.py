"""How long a build was at each of its milestones, as a picture of its time."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from builds.models import Build, BuildState
from builds.queries.builds import build_history


class Step(NamedTuple):
    """One attempt at a milestone. `start` and `width` are percents of all the build's time.

    `took` goes on while the attempt does; `message` is the last that was said in it.
    """

    row: BuildState
    name: str
    phase: str
    outcome: str
    took: timedelta
    start: float
    width: float
    message: str


def build_timeline(build: Build, now: datetime | None = None) -> list[Step]:
    """The attempts of the newest part of its history, the oldest first."""
    now = now or timezone.now()
    rows = list(build_history(build))
    entered = sorted((row for row in rows if row.entered_at), key=lambda row: row.seq)
    if not entered:
        return []
    first, last = _began(entered[0]), max(row.left_at or build.ended_at or now for row in entered)
    whole = max((last - first).total_seconds(), 1.0)
    states = {state.code: state for state in build.template.codes.all()}
    steps = []
    for row in entered:
        end = row.left_at or build.ended_at or now
        took = max(end - _began(row), timedelta())
        state = states[row.state_code]
        start = min(max((_began(row) - first).total_seconds() / whole, 0.0), 1.0)
        width = min(took.total_seconds() / whole, 1.0 - start)
        steps.append(
            Step(
                row, state.name, state.phase, row.outcome or build.status, took,
                round(100 * start, 2), round(100 * width, 2), _said(row, rows),
            )
        )  # fmt: skip
    return steps


def _began(row: BuildState) -> datetime:
    assert row.entered_at is not None  # noqa: S101  (only those that entered are asked)
    return row.entered_at


def _said(step: BuildState, rows: list[BuildState]) -> str:
    """What the newest report of the same attempt said; the rows come newest first."""
    same = (row for row in rows if (row.state_code, row.attempt) == (step.state_code, step.attempt))
    return next((row.message for row in same if row.message), "")

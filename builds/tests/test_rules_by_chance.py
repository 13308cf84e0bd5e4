"""Random reports in random order, held against a build on paper: both always agree.

BUILDS_EXAMPLES sets how many histories are tried.
"""

import os
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import pytest
import time_machine
from django.utils import timezone
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.errors import Conflict
from accounts.models import ActivityEntry
from accounts.principals import SYSTEM
from builds.models import Build, BuildState, Resume
from builds.rules import CODES, Report, Status
from builds.services.builds import build_cancel, build_create
from builds.services.moves import Entry
from builds.services.reports import Failing, build_fail, build_heartbeat, build_report
from builds.services.resumes import build_resume
from builds.services.sweep import builds_sweep
from builds.tests.conftest import MADE_OF
from builds.tests.paper import Paper, Refused
from tests.builders import make_tenant

EXAMPLES: Final = int(os.environ.get("BUILDS_EXAMPLES", "12"))
NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
# Few, so that they meet.
NEAR: Final = st.sampled_from([0, 5, 10, 25, 50, 95, 100])
RUNS: Final = st.sampled_from(["", "", "one", "two"])
MESSAGES: Final = st.sampled_from([None, None, "a", "b"])
SAID: Final = st.sampled_from([None, None, *(status.value for status in Status)])
AGO: Final = st.sampled_from([None, None, None, 0, 1, 400, -60])
WAITS: Final = st.sampled_from([1, 1, 100, 359, 360, 599, 600, 900])


class Machine(RuleBasedStateMachine):
    """A build beside its paper."""

    @initialize()
    def begin(self) -> None:
        self.clock = time_machine.travel(NOON, tick=False)
        self.traveller = self.clock.start()
        self.tenant = make_tenant(f"t-{uuid.uuid4().hex[:12]}")
        made = build_create(by=SYSTEM, tenant=self.tenant, build_id="b", made_of=MADE_OF)
        self.build, self.paper = made.build, Paper(now=timezone.now())
        self.failures: set[tuple[int, int, str]] = set()

    def teardown(self) -> None:
        if hasattr(self, "clock"):
            self.clock.stop()

    @rule(code=NEAR | st.sampled_from(list(CODES)), said=SAID, message=MESSAGES, run=RUNS, ago=AGO)
    def report(self, code: int, said: str | None, message: str | None, run: str, ago: int | None) -> None:
        self._report(code, said, message, run, ago)

    @rule(said=SAID, message=MESSAGES, run=RUNS)
    def report_where_it_stands(self, said: str | None, message: str | None, run: str) -> None:
        self._report(self.paper.code, said, message, run, None)

    @rule(step=st.sampled_from([5, 5, 15]), run=RUNS)
    def report_what_comes_next(self, step: int, run: str) -> None:
        self._report(min(self.paper.code + step, 95), None, None, run, None)

    def _report(self, code: int, said: str | None, message: str | None, run: str, ago: int | None) -> None:
        if said == "pending" and code:
            return  # refused as 400 before any rule
        occurred = None if ago is None else timezone.now() - timedelta(seconds=ago)
        report = Report(code, (said and Status(said)) or None, run, occurred_at=occurred)
        entry = Entry(message=message, run_id=run, occurred_at=occurred)
        self._both(
            lambda: self.paper.report(code, said, message, run, occurred),
            lambda: build_report(by=SYSTEM, build=self.build, report=report, entry=entry).changed,
        )

    @rule(message=st.sampled_from(["x", "y"]), retryable=st.sampled_from([True, True, False]), run=RUNS)
    def fail(self, message: str, retryable: bool, run: str) -> None:
        known = (self.paper.code, self.paper.attempt, message)
        failing = Failing(message, retryable=retryable)
        if self._both(
            lambda: self.paper.fail(message, retryable, run, known in self.failures),
            lambda: build_fail(by=SYSTEM, build=self.build, failing=failing, run_id=run)[0].changed,
        ):
            self.failures.add((self.paper.code, self.paper.attempt, message))

    @rule(times=st.integers(1, 4))
    def fail_and_try_again(self, times: int) -> None:
        for _ in range(times):
            self._report(self.paper.code, "failed", None, "", None)
            self._report(self.paper.code, None, None, "", None)

    @rule(run=RUNS)
    def heartbeat(self, run: str) -> None:
        self._both(
            lambda: self.paper.heartbeat(run),
            lambda: build_heartbeat(by=SYSTEM, build=self.build, run_id=run) and None,
        )

    @rule(force=st.sampled_from([False, False, True]))
    def cancel(self, force: bool) -> None:
        self._both(
            lambda: self.paper.cancel(force),
            lambda: build_cancel(by=SYSTEM, build=self.build, force=force).changed,
        )

    @rule(back=st.sampled_from([0, 0, 5, 20, -5]), run=RUNS)
    def resume(self, back: int, run: str) -> None:
        code = min(max(self.paper.code - back, 0), 100)
        self._both(
            lambda: self.paper.take_up(code, run),
            lambda: build_resume(by=SYSTEM, build=self.build, code=code, run_id=run)[2],
        )

    @rule(seconds=WAITS)
    def wait(self, seconds: int) -> None:
        self.traveller.shift(seconds)
        self.paper.now = timezone.now()
        builds_sweep()
        self.paper.sweep()

    def _both(self, paper: Callable[[], Any], real: Callable[[], Any]) -> Any:
        """Does it on both; what it changed there must be what it changed here, refusals included."""
        seen, expected = self._told(), None
        try:
            expected = paper()
        except Refused as refused:
            expected = str(refused)
        try:
            found = real()
        except Conflict as conflict:
            found = conflict.extra["code"]
            assert self._told() == seen  # what was refused leaves nothing behind
        assert found == expected
        return found is True

    def _told(self) -> tuple[int, int]:
        rows = BuildState.objects.filter(build=self.build)
        return rows.count(), ActivityEntry.objects.filter(tenant=self.tenant).count()

    @invariant()
    def they_agree(self) -> None:
        if not hasattr(self, "paper"):
            return
        row, paper = Build.objects.get(pk=self.build.pk), self.paper
        assert (row.state_code, row.status, row.attempt) == (paper.code, paper.status, paper.attempt)
        assert (row.step_done, row.message, row.run_id) == (paper.done, paper.message, paper.owner)
        assert row.cancel_requested_at == paper.asked_to_stop
        assert (row.heartbeat_at, row.reported_at) == (paper.beat, paper.written)
        assert (row.reason == "HEARTBEAT_LOST") == paper.lost
        assert row.high_water_code == max(paper.attempts)
        assert (row.ended_at is None) == row.is_open
        resumes = Resume.objects.filter(build=row, outcome="open").values_list("from_code", "run_id")
        assert list(resumes) == ([] if paper.resume is None else [paper.resume])

    @invariant()
    def the_history_is_whole(self) -> None:
        if not hasattr(self, "paper"):
            return
        rows = list(BuildState.objects.filter(build=self.build).order_by("seq"))
        assert [row.seq for row in rows] == list(range(1, self.paper.rows + 1))
        spans = [row for row in rows if row.entered_at is not None]
        assert len({(row.state_code, row.attempt) for row in spans}) == len(spans)
        for earlier, later in pairwise(spans):
            assert earlier.left_at is not None
            assert later.entered_at is not None
            assert earlier.entered_at <= earlier.left_at <= later.entered_at
        opened = [row for row in spans if row.left_at is None]
        assert all((row.state_code, row.attempt) == (self.paper.code, self.paper.attempt) for row in opened)
        assert not opened or (self.paper.status not in ("completed", "failed", "cancelled"))


@pytest.mark.django_db
def test_random_histories_agree_with_the_rules() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=25,
        ),
    )

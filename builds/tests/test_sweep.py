"""What the clock does: lost heartbeats, cancels that nobody confirms, states that take too long."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import ActivityEntry, Tenant
from builds.models import Build, BuildFailure, BuildState, Resume
from builds.services.sweep import builds_sweep
from builds.tasks import sweep
from builds.tests.builders import make_build

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
Report = Callable[..., tuple[int, dict[str, Any]]]
NOTHING = {"cancelled": 0, "lost": 0, "overdue": 0}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def beat(api: Any, build: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    answer = api.post(f"{build}/heartbeat", fields)
    return answer.status_code, answer.json()


def test_heartbeats_are_answered_and_their_silence_is_seen(
    api: Any, build: str, report: Report, clock: Any
) -> None:
    report(25, run_id="one")
    status, body = beat(api, build, run_id="one", progress=40, message="disk 2 of 5")
    assert (status, body) == (200, {"ok": True, "cancel_requested": False, "next_due_s": 120})
    seen = api.get(build).json()
    assert (seen["progress"], seen["message"], seen["stuck"]) == (40, "disk 2 of 5", False)
    assert BuildState.objects.count() == 2
    clock.shift(359)
    assert api.get(build).json()["stuck"] is False
    clock.shift(1)
    assert api.get(build).json()["stuck"] is True
    report(30, run_id="one")
    seen = api.get(build).json()
    assert (seen["stuck"], seen["progress"]) == (False, None)


def test_a_lost_heartbeat_fails_the_build_once(api: Any, build: str, report: Report, clock: Any) -> None:
    report(25, run_id="one")
    beat(api, build, run_id="one")
    clock.shift(899)
    assert builds_sweep() == NOTHING
    clock.shift(1)
    assert builds_sweep() == {**NOTHING, "lost": 1}
    assert builds_sweep() == NOTHING
    seen = api.get(build).json()
    told = ("current_state", "status", "reason", "fault", "retryable_now")
    assert [seen[name] for name in told] == [25, "failed", "HEARTBEAT_LOST", "infrastructure", True]
    assert BuildFailure.objects.get().error_message == "No heartbeat came for 900 seconds."


def test_the_same_run_revives_it_and_no_other(api: Any, build: str, report: Report, clock: Any) -> None:
    report(25, run_id="one")
    beat(api, build, run_id="one")
    clock.shift(900)
    sweep()
    assert report(30, run_id="two")[1]["code"] == "resume_required"
    assert report(30, run_id="one")[1]["build_status"] == "in_progress"
    assert api.get(build).json()["attempt"] == 1
    failure = BuildFailure.objects.get()
    assert (failure.resolution, failure.occurrences) == ("late report", 1)
    entered = BuildState.objects.get(state_code=25, entered_at__isnull=False)
    assert (entered.left_at, entered.outcome) == (NOON + timedelta(seconds=900), "completed")
    assert ActivityEntry.objects.filter(type="build.revived").count() == 1


def test_a_heartbeat_revives_too_and_the_resume_goes_on(
    api: Any, build: str, report: Report, clock: Any
) -> None:
    report(25, status="failed")
    api.post(f"{build}/resume", {"run_id": "two"})
    beat(api, build, run_id="two")
    clock.shift(900)
    sweep()
    assert Resume.objects.get().outcome == "failed"
    assert beat(api, build, run_id="two")[0] == 200
    assert Resume.objects.get().outcome == "open"
    assert (Build.objects.get().status, Build.objects.get().attempt) == ("in_progress", 2)


def test_a_completed_milestone_fails_with_its_run_and_holds_again_when_that_revives(
    api: Any, build: str, report: Report, clock: Any
) -> None:
    report(25)
    report(25, status="completed")
    beat(api, build)
    for _ in range(2):
        clock.shift(900)
        sweep()
        attempt = BuildState.objects.get(state_code=25, entered_at__isnull=False)
        assert (attempt.left_at, attempt.outcome) == (NOON, "failed")
        beat(api, build)
        attempt.refresh_from_db()
        assert (attempt.left_at, attempt.outcome) == (NOON, "completed")


def test_after_a_resume_the_lost_run_is_superseded(api: Any, build: str, report: Report, clock: Any) -> None:
    beat(api, build, run_id="one")
    report(25, run_id="one")
    clock.shift(900)
    sweep()
    api.post(f"{build}/resume", {})
    assert report(30, run_id="one")[1]["code"] == "run_superseded"
    assert beat(api, build, run_id="one")[1]["code"] == "run_superseded"
    assert report(30, run_id="two")[0] == 200


def test_a_resume_waits_for_its_run_to_begin(api: Any, build: str, report: Report, clock: Any) -> None:
    beat(api, build, run_id="one")
    report(25, run_id="one", status="failed")
    api.post(f"{build}/resume", {})
    clock.shift(86400)
    assert builds_sweep()["lost"] == 0
    assert (api.get(build).json()["status"], api.get(build).json()["stuck"]) == ("in_progress", False)
    beat(api, build, run_id="two")
    clock.shift(900)
    assert builds_sweep()["lost"] == 1


def test_a_build_without_heartbeats_is_overdue_by_its_budget_once(
    api: Any, build: str, report: Report, clock: Any
) -> None:
    report(25)  # 10 to 20 minutes
    clock.shift(40 * 60)
    assert api.get(build).json()["overdue"] is False
    assert builds_sweep() == NOTHING
    clock.shift(1)
    seen = api.get(build).json()
    assert (seen["overdue"], seen["stuck"], seen["status"]) == (True, False, "in_progress")
    assert builds_sweep() == {**NOTHING, "overdue": 1}
    assert builds_sweep() == NOTHING
    assert ActivityEntry.objects.get(type="build.overdue").payload["state_code"] == 25
    report(25, message="still at it")
    assert builds_sweep() == NOTHING
    report(30)
    clock.shift(20 * 60 + 1)
    assert builds_sweep() == {**NOTHING, "overdue": 1}


def test_a_build_that_goes_on_before_its_turn_is_not_told_of(
    acme: Tenant, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        make_build(acme, name, state_code=25, status="in_progress")
    clock.shift(40 * 60 + 1)

    def told(build: Build, **_: Any) -> None:
        Build.objects.exclude(pk=build.pk).update(state_code=30, entered_at=timezone.now())

    monkeypatch.setattr("builds.services.sweep.tell", told)
    assert builds_sweep() == {**NOTHING, "overdue": 1}


def test_a_build_that_never_starts_is_overdue_after_half_an_hour(api: Any, build: str, clock: Any) -> None:
    clock.shift(30 * 60 + 1)
    assert builds_sweep() == {**NOTHING, "overdue": 1}


def test_a_cancel_is_asked_for_confirmed_and_final(api: Any, build: str, report: Report) -> None:
    report(25)
    answer = api.post(f"{build}/cancel", {"reason": "WRONG_BRANCH"}).json()
    assert (answer["status"], answer["changed"]) == ("cancel_requested", True)
    assert api.post(f"{build}/cancel", {}).json()["changed"] is False
    assert report(30)[1]["cancel_requested"] is True
    assert beat(api, build)[1]["cancel_requested"] is True
    assert report(30, status="cancelled")[1]["build_status"] == "cancelled"
    assert api.get(build).json()["reason"] == "WRONG_BRANCH"
    assert api.post(f"{build}/cancel", {}).json()["code"] == "build_terminal"
    assert report(100)[1]["code"] == "build_terminal"
    assert report(30, status="cancelled")[1]["changed"] is False


def test_a_cancel_that_nobody_confirms_is_forced_after_ten_minutes(
    api: Any, build: str, report: Report, clock: Any
) -> None:
    report(25)
    api.post(f"{build}/cancel", {})
    clock.shift(599)
    assert builds_sweep() == NOTHING
    clock.shift(1)
    assert builds_sweep() == {**NOTHING, "cancelled": 1}
    seen = api.get(build).json()
    assert (seen["status"], seen["reason"], seen["current_state"]) == ("cancelled", "USER_CANCELLED", 25)


def test_a_queued_build_and_a_forced_cancel_end_at_once(api: Any, build: str, report: Report) -> None:
    assert api.post(f"{build}/cancel", {}).json()["status"] == "cancelled"
    api.post(f"{build}/resume", {})
    report(25)
    assert api.post(f"{build}/cancel", {}).json()["status"] == "cancel_requested"
    assert api.post(f"{build}/cancel", {"force": True}).json()["status"] == "cancelled"


def test_a_build_that_was_asked_to_stop_may_still_be_delivered(api: Any, build: str, report: Report) -> None:
    report(95)
    api.post(f"{build}/cancel", {})
    assert report(100)[1]["build_status"] == "completed"
    assert api.get(build).json()["cancel_requested"] is False

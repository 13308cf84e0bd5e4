"""Figures of a hand-made history, to the second."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import Tenant
from accounts.principals import SYSTEM
from builds.models import Build, BuildFailure, BuildState, Resume
from builds.rules import Report, Status
from builds.services.moves import Entry
from builds.services.reports import build_report
from builds.tests.builders import make_build

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
UNKNOWN = {"p50_seconds": None, "p90_seconds": None, "p95_seconds": None}


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def ask(api: APIClient, query: str = "") -> dict[str, Any]:
    answer = api.get(f"/api/v1/dashboard/metrics{query}")
    assert answer.status_code == 200, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def interval(build: Build, seconds: int, code: int = 25, outcome: str = "completed", ago: Any = HOUR) -> None:
    BuildState.objects.create(
        tenant=build.tenant, build=build, seq=BuildState.objects.count() + 2, state_code=code,
        status="in_progress", entered_at=NOW - ago - timedelta(seconds=seconds), left_at=NOW - ago,
        outcome=outcome,
    )  # fmt: skip


def ended(tenant: Tenant, name: str, status: str, lead: int, ago: timedelta = HOUR, **fields: Any) -> Build:
    """A build that took `lead` seconds, and waited a tenth of them."""
    end = NOW - ago
    created = end - timedelta(seconds=lead)
    return make_build(
        tenant, name, status=status, state_code=100 if status == "completed" else 60, created_at=created,
        started_at=created + timedelta(seconds=lead / 10), ended_at=end, **fields,
    )  # fmt: skip


def fail(build: Build, before_end: int, **fields: Any) -> None:
    assert build.ended_at is not None
    BuildFailure.objects.create(
        tenant=build.tenant, build=build, state_code=60, attempt=1, error_message="no",
        digest=str(BuildFailure.objects.count()), created_at=build.ended_at - timedelta(seconds=before_end),
        **fields,
    )  # fmt: skip


def test_dwell_is_told_by_nearest_rank_and_what_is_built(acme: Tenant, rival: Tenant, api: APIClient) -> None:
    azure, aws = make_build(acme, "a", platform="azure"), make_build(acme, "b")
    for seconds in range(10, 210, 10):
        interval(azure, seconds)
    for seconds in (1, 2, 3, 4):
        interval(aws, seconds, outcome="failed")
    interval(aws, 500, code=50)
    for ignored in ({"ago": timedelta(days=31)}, {"outcome": "cancelled"}):
        interval(aws, 9999, **ignored)
    interval(make_build(rival, "foreign"), 9999)
    found = ask(api)
    made_of = {"os_version": "rhel-8.8", "image_type": "base"}
    known = {"p50_seconds": 100.0, "p90_seconds": 180.0, "p95_seconds": 190.0}
    assert found["dwell"] == [
        {"state_code": 25, "platform": "azure", **made_of, "n": 20, **known},
        {"state_code": 25, "platform": "aws-commercial", **made_of, "n": 4, **UNKNOWN},
        {"state_code": 50, "platform": "aws-commercial", **made_of, "n": 1, **UNKNOWN},
    ]
    assert (found["dwell_complete"], found["least_samples"]) == (True, 5)
    assert found["states"] == [
        {
            "state_code": 25, "n": 24, "p50_seconds": 80.0, "p90_seconds": 180.0, "p95_seconds": 190.0,
            "attempts": 24, "failure_rate": 0.1667,
        },
        {"state_code": 50, "n": 1, **UNKNOWN, "attempts": 1, "failure_rate": None},
    ]  # fmt: skip
    assert [row["n"] for row in ask(api, "?platform=azure")["dwell"]] == [20]
    assert ask(api, "?days=365")["states"][0]["n"] == 25
    assert ask(api, "?image_type=hana")["states"] == []


def test_a_failure_counts_against_its_state_however_it_was_told(acme: Tenant, api: APIClient) -> None:
    entered, done, failed = (Report(25, status) for status in (None, Status.COMPLETED, Status.FAILED))
    stories = ([entered, done, failed], [failed], [done], [done, failed], [entered, Report(50)])
    with time_machine.travel(NOW - HOUR, tick=False):
        for n, reports in enumerate(stories):
            build = make_build(acme, f"b-{n}")
            for told in reports:
                build_report(by=SYSTEM, build=build, report=told, entry=Entry())
    (state,) = (row for row in ask(api)["states"] if row["state_code"] == 25)
    assert (state["attempts"], state["failure_rate"]) == (5, 0.6)
    assert state["n"] == 2  # of the others nobody knows how long they took


def test_rates_and_times_of_builds(acme: Tenant, api: APIClient) -> None:
    done = [ended(acme, f"done-{n}", "completed", n * 1000) for n in range(1, 7)]
    bad = [ended(acme, f"bad-{n}", "failed", 10, fault=fault) for n, fault in enumerate(("user", "unknown"))]
    ended(acme, "gone", "cancelled", 10)
    ended(acme, "long-ago", "failed", 10, ago=timedelta(days=31))
    for before in (600, 100):  # the second failure of a build does not begin its repair anew
        fail(done[0], before)
    for build in done[1:5]:
        fail(build, 50)
    fail(done[5], 10, resolution="late report")
    fail(bad[0], 0)
    found = ask(api)
    assert found["ended"] == {"completed": 6, "failed": 2, "cancelled": 1}
    assert found["failed_by_fault"] == {"user": 1, "infrastructure": 0, "unknown": 1}
    assert found["failure_rate"] == {"n": 8, "value": 0.25}
    assert found["first_pass_yield"] == {"n": 8, "value": 0.125}
    assert found["lead_time"] == {"n": 6, "p50_seconds": 3000.0, "p90_seconds": 6000.0, "p95_seconds": 6000.0}
    assert found["queue_time"] == {"n": 9, "p50_seconds": 200.0, "p90_seconds": 600.0, "p95_seconds": 600.0}
    assert found["mttr"] == {"n": 5, "mean_seconds": 160.0}


def test_under_five_samples_only_their_number_is_told(acme: Tenant, api: APIClient) -> None:
    for n in range(4):
        build = ended(acme, f"done-{n}", "completed", 10)
        fail(build, 5)
    found = ask(api)
    assert (found["lead_time"], found["queue_time"]) == ({"n": 4, **UNKNOWN}, {"n": 4, **UNKNOWN})
    assert found["mttr"] == {"n": 4, "mean_seconds": None}
    assert found["failure_rate"] == found["first_pass_yield"] == {"n": 4, "value": None}
    assert found["resume_success"] == {"n": 0, "value": None}


def test_resumes_that_ended_by_themselves(acme: Tenant, api: APIClient) -> None:
    build = make_build(acme)
    for outcome in ("completed", "completed", "completed", "failed", "failed", "cancelled", "open"):
        Resume.objects.create(
            tenant=acme, build=build, failed_code=60, from_code=50, outcome=outcome,
            ended_at=None if outcome == "open" else NOW - HOUR,
        )  # fmt: skip
    assert ask(api)["resume_success"] == {"n": 5, "value": 0.6}


def test_what_is_open_now(acme: Tenant, rival: Tenant, api: APIClient) -> None:
    minutes = timedelta(minutes=1)
    # State 55 is expected to take 30 minutes at most, so its budget is an hour.
    late = {"state_code": 55, "status": "in_progress", "entered_at": NOW - 61 * minutes}
    make_build(acme, "late", **late)
    make_build(acme, "in-time", **{**late, "entered_at": NOW - 59 * minutes})
    make_build(acme, "late-and-failed", **{**late, "status": "failed"})
    make_build(acme, "stuck", heartbeat_at=NOW - 6 * minutes)
    make_build(acme, "alive", heartbeat_at=NOW - 5 * minutes)
    make_build(rival, "foreign", **late)
    assert ask(api)["open_now"] == {"builds": 4, "stuck": 1, "overdue": 1}


def test_the_rows_of_most_samples_come_first_and_are_bounded(
    acme: Tenant, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builds.queries.metrics.MOST_ROWS", 2)
    build = make_build(acme)
    for code, times in ((5, 1), (10, 3), (15, 2)):
        for _ in range(times):
            interval(build, 10, code=code)
    found = ask(api)
    assert [(row["state_code"], row["n"]) for row in found["dwell"]] == [(10, 3), (15, 2)]
    assert found["dwell_complete"] is False
    assert len(found["states"]) == 3


def test_a_fixed_number_of_queries(acme: Tenant, api: APIClient, django_assert_max_num_queries: Any) -> None:
    for n in range(6):
        build = ended(acme, f"done-{n}", "completed", 10)
        interval(build, 10, code=5 * n)
        fail(build, 5)
    with django_assert_max_num_queries(13):
        ask(api)


@pytest.mark.parametrize("query", ["days=0", "days=366", "days=x", f"platform={'x' * 64}"])
def test_what_cannot_be_asked(api: APIClient, query: str) -> None:
    assert api.get(f"/dashboard/metrics?{query}").status_code == 400

"""State reports over HTTP: what is taken, what is refused, and what is left behind."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, AuditEntry, Tenant
from builds.models import Build, BuildState

pytestmark = pytest.mark.django_db
Report = Callable[..., tuple[int, dict[str, Any]]]


def rows(*names: str) -> list[Any]:
    return list(BuildState.objects.order_by("seq").values_list(*names))


def test_a_pipeline_in_jumps(api: Any, build: str, report: Report) -> None:
    for code in (10, 25, 50, 75, 100):
        status, body = report(code, message=f"at {code}")
        assert (status, body["status"], body["new_state"], body["changed"]) == (200, "updated", code, True)
    seen = api.get(build).json()
    assert (seen["current_state"], seen["status"], seen["phase"]) == (100, "completed", "delivered")
    assert (seen["percent"], seen["next_code"], seen["message"]) == (100, None, "at 100")
    assert seen["ended_at"] is not None
    assert rows("state_code", "status", "outcome") == [
        (0, "pending", "completed"), (10, "in_progress", "completed"), (25, "in_progress", "completed"),
        (50, "in_progress", "completed"), (75, "in_progress", "completed"), (100, "completed", ""),
    ]  # fmt: skip
    types = ActivityEntry.objects.order_by("seq").values_list("type", flat=True)
    told = ["build.created", *["build.state_changed"] * 4, "build.completed", "channel.assigned"]
    assert list(types) == told
    assert AuditEntry.objects.filter(action="build.completed").get().changes == {
        "state_code": [75, 100], "status": ["in_progress", "completed"],
    }  # fmt: skip


def test_a_replay_writes_nothing(report: Report) -> None:
    report(25, message="x")
    before = (rows("pk"), Build.objects.values().get(), AuditEntry.objects.count())
    status, body = report(25, message="x")
    assert (status, body["changed"], body["new_state"]) == (200, False, 25)
    assert report(25)[1]["changed"] is False
    assert (rows("pk"), Build.objects.values().get(), AuditEntry.objects.count()) == before


def test_a_refusal_says_which_rule_and_what_is_allowed(report: Report) -> None:
    report(90)
    before = rows("pk")
    status, body = report(50)
    assert status == 409
    told = ("error", "code", "current_state", "status", "attempt", "allowed")
    assert [body[name] for name in told] == [
        "conflict", "state_regression", 90, "in_progress", 1, [90, 95, 100],
    ]  # fmt: skip
    assert body["detail"] == body["message"] == "The build is at 90; only a resume takes it back to 50."
    assert rows("pk") == before


def test_as_a_problem_the_status_is_the_one_of_http(api: Any, build: str, report: Report) -> None:
    report(90)
    answer = api.post(f"{build}/state", {"state_code": 5}, HTTP_ACCEPT="application/problem+json")
    assert (answer.json()["status"], answer.json()["code"]) == (409, "state_regression")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"state_code": 42}, "state_code"),
        ({"state_code": 105}, "state_code"),
        ({"state_code": -5}, "state_code"),
        ({"state_code": "soon"}, "state_code"),
        ({}, "state_code"),
        ({"state_code": 5, "status": "pending"}, "status"),
        ({"state_code": 5, "status": "done"}, "status"),
        ({"state_code": 5, "artifact_path": "s3://x"}, "artifact_path"),
        ({"state_code": 5, "artifact_checksum": "abc"}, "artifact_checksum"),
        ({"state_code": 5, "expected_state": 3}, "expected_state"),
    ],
)
def test_a_bad_report_is_400(api: Any, build: str, body: dict[str, Any], field: str) -> None:
    answer = api.post(f"{build}/state", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert Build.objects.get().seq == 1


def test_after_the_end_only_a_replay_is_taken(report: Report) -> None:
    report(100, message="done")
    assert report(100)[1]["changed"] is False
    assert report(100, message="done")[1]["changed"] is False
    for sent in ({"message": "again"}, {"status": "failed"}):
        assert report(100, **sent)[1]["code"] == "build_terminal"
    assert report(95)[1]["code"] == "build_terminal"


def test_retries_are_counted_and_end(report: Report) -> None:
    report(25)
    for attempt in (2, 3, 4):
        assert report(25, status="failed")[1]["build_status"] == "failed"
        assert report(30)[1]["code"] == "resume_required"
        assert report(25)[1]["attempt"] == attempt
    report(25, status="failed")
    status, body = report(25)
    assert (status, body["code"], body["attempt"], body["allowed"]) == (409, "retries_exhausted", 4, [])


def test_what_its_reporter_expected_is_compared(report: Report) -> None:
    report(25)
    assert report(50, expected_state=20)[1]["code"] == "state_conflict"
    assert report(50, expected_state=25)[1]["new_state"] == 50
    assert report(50, expected_state=25)[1]["changed"] is False  # the same call again


def test_words_of_older_pipelines_are_understood(report: Report) -> None:
    assert report(10, status="running")[1]["build_status"] == "in_progress"
    assert report(10, status="success")[1]["build_status"] == "in_progress"
    assert rows("status") == [("pending",), ("in_progress",), ("completed",)]
    assert report(100, status="success")[1]["build_status"] == "completed"


def test_a_run_is_kept_from_anothers_build(report: Report) -> None:
    report(10, run_id="one")
    assert report(20, run_id="two")[1]["code"] == "run_superseded"
    Build.objects.update(reported_at=timezone.now() - timedelta(seconds=361))
    assert report(20, run_id="two")[0] == 200
    assert report(25, run_id="one")[1]["code"] == "run_superseded"
    Build.objects.update(reported_at=timezone.now() - timedelta(seconds=361))
    assert report(25, run_id="one")[1]["code"] == "run_superseded"  # once was enough
    assert report(25, run_id="two")[0] == 200


def test_a_late_report_is_noted_once_and_moves_nothing(report: Report, build: str, api: Any) -> None:
    report(50)
    before = (timezone.now() - timedelta(minutes=5)).isoformat()
    for _ in range(2):
        status, body = report(25, occurred_at=before, message="late")
        assert (status, body["changed"], body["new_state"]) == (200, False, 50)
    assert rows("state_code", "applied") == [(0, True), (50, True), (25, False)]
    assert api.get(f"{build}/state").json()["current_state"] == 50
    future = (timezone.now() + timedelta(minutes=6)).isoformat()
    assert report(55, occurred_at=future)[0] == 400


def test_what_counted_once_is_not_noted_as_late_when_it_is_sent_again(report: Report) -> None:
    moments = [(timezone.now() - timedelta(minutes=n)).isoformat() for n in (3, 2)]
    report(25, occurred_at=moments[0], run_id="one")
    report(50, occurred_at=moments[1])
    entries = ActivityEntry.objects.count()
    for sent in ({"run_id": "one"}, {}):
        status, body = report(25, occurred_at=moments[0], **sent)
        assert (status, body["changed"], body["new_state"]) == (200, False, 50)
    assert rows("state_code", "applied") == [(0, True), (25, True), (50, True)]
    assert ActivityEntry.objects.count() == entries


def test_late_reports_of_a_run_and_of_none_are_two(report: Report) -> None:
    report(50)
    before = (timezone.now() - timedelta(minutes=5)).isoformat()
    for sent in ({"run_id": "one"}, {}, {"run_id": "one"}, {}):
        assert report(25, occurred_at=before, **sent)[0] == 200
    assert rows("state_code", "run_id", "applied") == [
        (0, "", True),
        (50, "", True),
        (25, "one", False),
        (25, "", False),
    ]


def test_the_history_holds_intervals(api: Any, build: str, report: Report) -> None:
    stored = {"artifact_storage_type": "s3", "artifact_path": "s3://b/k", "artifact_size_bytes": 7}
    status, _ = report(25, metadata={"n": 1}, **stored, artifact_metadata={"hours": 1.25})
    assert status == 200
    report(25, message="half")
    report(50)
    answer = api.get(f"{build}/state").json()
    assert (answer["current_state"], answer["status"]) == (50, "in_progress")
    assert [row["state_code"] for row in answer["history"]] == [50, 25, 25, 0]
    newest, news, first, _ = answer["history"]
    assert (newest["left_at"], newest["duration_seconds"], news["entered_at"]) == (None, None, None)
    assert (first["metadata"], first["outcome"]) == ({"n": 1}, "completed")
    assert first["artifact"] == {
        "storage_type": "s3", "path": "s3://b/k", "size_bytes": 7, "metadata": {"hours": 1.25},
    }  # fmt: skip
    spent = datetime.fromisoformat(first["left_at"]) - datetime.fromisoformat(first["entered_at"])
    assert first["duration_seconds"] == spent.total_seconds() > 0


def test_reading_costs_the_same_for_one_and_for_many(api: Any, django_assert_max_num_queries: Any) -> None:
    for n in range(12):
        api.post(
            "/builds",
            {"platform": "azure", "os_version": "rhel-9.2", "image_type": "cache", "build_id": f"b{n}"},
        )
    api.get("/builds")
    with django_assert_max_num_queries(6):
        answer = api.get("/api/v1/builds?limit=10&skip=1").json()
    assert (answer["total"], answer["skip"], answer["limit"], len(answer["items"])) == (12, 1, 10, 10)
    assert answer["items"][0]["build_id"] == "b10"
    assert api.get("/builds?platform=gcp").json()["total"] == 0
    assert api.get("/builds?platform=azure&status=pending&build_id=b3").json()["total"] == 1


def test_builds_of_a_time(api: Any, build: str) -> None:
    """A plus sign is a space in a query, unless it is written as %2B."""
    for query, expected in (
        ("created_after=2020-01-01T00:00:00Z", 1),
        ("created_before=2020-01-01T00:00:00%2B02:00", 0),
    ):
        assert api.get(f"/builds?{query}").json()["total"] == expected, query
    for query in ("created_after=0001-01-01T00:00:00%2B14:00", "created_before=9999-12-31T23:59:59-14:00"):
        answer = api.get(f"/builds?{query}")
        assert (answer.status_code, answer.json()["error"]) == (400, "validation_error"), query


def test_a_stranger_finds_no_build(
    client_for: Callable[..., APIClient], stranger_key: str, build: str, acme: Tenant
) -> None:
    stranger = client_for(stranger_key)
    assert stranger.get(build).status_code == 404
    assert stranger.post(f"{build}/state", {"state_code": 5}).status_code == 404
    assert stranger.get("/builds").json()["total"] == 0
    assert Build.objects.get().state_code == 0


def test_a_build_key_reports_and_no_more(
    client_for: Callable[..., APIClient], key: Callable[..., str], build: str
) -> None:
    narrow, reader = client_for(key("build")), client_for(key("read"))
    assert narrow.post(f"{build}/state", {"state_code": 5}).status_code == 200
    assert narrow.post(f"{build}/heartbeat", {}).status_code == 200
    assert narrow.post(f"{build}/failure", {"error_message": "x"}).status_code == 200
    for path in (build, f"{build}/state", f"{build}/resume-context", "/builds", "/platforms"):
        assert narrow.get(path).status_code == 403, path
        assert reader.get(path).status_code == 200, path
    for path in ("cancel", "resume"):
        assert narrow.post(f"{build}/{path}", {}).status_code == 403
    for path in ("state", "failure", "heartbeat", "cancel", "resume", "artifacts", "variables"):
        assert reader.post(f"{build}/{path}", {}).status_code == 403, path
    assert reader.post("/builds", {}).status_code == 403

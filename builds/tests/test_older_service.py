"""The calls that the older build service's document prints, as printed, with the development key."""

from typing import Any

import pytest

from builds.models import Build

pytestmark = pytest.mark.django_db
CREATE = {
    "platform": "aws-commercial",
    "os_version": "rhel-8.8",
    "image_type": "base",
    "build_id": "my-build-001",
    "pipeline_url": "https://concourse.example.com/pipelines/my-pipeline",
    "commit_hash": "abc123def456",
}
FAILURE = {
    "error_message": "Packer build failed: AMI creation timeout",
    "error_code": "PACKER_TIMEOUT",
    "component": "packer",
    "details": {"timeout_seconds": 3600, "attempt": 1},
}


@pytest.fixture
def api(demo: str, settings: Any, client_for: Any) -> Any:
    settings.ENVIRONMENT = "development"
    return client_for("dev-key-12345")


def test_its_core_calls(api: Any) -> None:
    made = api.post("/builds", CREATE)
    assert (made.status_code, made.json()["status"], made.json()["current_state"]) == (201, "created", 0)
    assert made.json()["build_id"] == "my-build-001"
    build = f"/builds/{made.json()['id']}"
    state = {"state_code": 25, "message": "Packer build completed successfully"}
    answer = api.post(f"{build}/state", state)
    assert answer.status_code == 200
    assert answer.json().items() >= {"status": "updated", "build_id": "my-build-001", "new_state": 25}.items()
    answer = api.post(f"{build}/failure", FAILURE)
    assert answer.status_code == 200
    assert answer.json().items() >= {"status": "recorded", "build_id": "my-build-001"}.items()
    seen = api.get(build).json()
    assert {name: seen[name] for name in CREATE} == CREATE
    assert (seen["current_state"], seen["status"]) == (25, "failed")
    where = api.get(f"{build}/state").json()
    assert (where["current_state"], where["message"]) == (25, FAILURE["error_message"])
    assert where["transitioned_at"] == seen["transitioned_at"]
    assert api.get("/builds/my-build-001").status_code == 404


def test_its_pipeline_task(api: Any) -> None:
    named = {"platform": "aws", "os_version": "rhel-8.8", "image_type": "base", "build_id": "my-build-1"}
    made = api.post("/builds", named)
    assert made.status_code == 201
    build = f"/builds/{made.json()['id']}"
    api.post(f"{build}/state", {"state_code": 25, "message": "Packer validation complete"})
    assert api.get(f"{build}/state").json()["current_state"] == 25


def test_its_dashboards(api: Any) -> None:
    summary = api.get("/dashboard/summary").json()
    assert summary["status_counts"].items() >= {"completed": 5, "failed": 2, "in_progress": 1}.items()
    assert api.get("/dashboard/recent").json()["recent_builds"] == summary["recent_builds"]
    shown = api.get("/dashboard/platform/aws-commercial").json()
    assert (shown["platform"], len(shown["builds"])) == ("aws-commercial", 4)


def test_its_synthetic_pipelines(api: Any) -> None:
    made = api.post("/builds", {**CREATE, "build_id": "synthetic-1"}).json()
    for code in (10, 25, 50, 75, 100):
        answer = api.post(f"/builds/{made['id']}/state", {"state_code": code, "message": "x"})
        assert answer.status_code == 200
    made = api.post("/builds", {**CREATE, "build_id": "synthetic-2"}).json()
    api.post(f"/builds/{made['id']}/state", {"state_code": 10})
    failure = {"error_message": "3 of 150 tests", "error_code": "TEST_FAILURE", "details": {"failed": 3}}
    assert api.post(f"/builds/{made['id']}/failure", failure).status_code == 200
    ended = Build.objects.filter(build_id__startswith="synthetic").order_by("build_id")
    assert list(ended.values_list("status", "state_code")) == [("completed", 100), ("failed", 10)]

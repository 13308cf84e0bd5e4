"""Builds that fail, and are taken up again."""

import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.utils import timezone

from accounts.models import ActivityEntry, AuditEntry, Tenant
from builds.models import Artifact, Build, BuildFailure, BuildState, Project, Resume, StateCode, Variable
from builds.tests.conftest import MADE_OF

pytestmark = pytest.mark.django_db
Report = Callable[..., tuple[int, dict[str, Any]]]
TIMEOUT = {
    "error_message": "Packer build failed: AMI creation timeout",
    "error_code": "PACKER_TIMEOUT",
    "component": "packer",
    "details": {"timeout_seconds": 3600, "attempt": 1},
}


def fail(api: Any, build: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    answer = api.post(f"{build}/failure", {**TIMEOUT, **fields})
    return answer.status_code, answer.json()


def resume(api: Any, build: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    answer = api.post(f"{build}/resume", fields)
    return answer.status_code, answer.json()


def test_a_failure_holds_its_code(api: Any, build: str, report: Report) -> None:
    report(10)
    status, body = fail(api, build, fault="infrastructure")
    assert (status, body["status"], body["current_state"], body["retryable_now"]) == (
        200,
        "recorded",
        10,
        True,
    )
    seen = api.get(build).json()
    told = ("current_state", "status", "reason", "fault", "message", "retryable_now", "next_code")
    assert [seen[name] for name in told] == [
        10, "failed", "PACKER_TIMEOUT", "infrastructure", TIMEOUT["error_message"], True, None,
    ]  # fmt: skip
    failure = api.get(f"{build}/failures").json()["items"][0]
    assert {name: failure[name] for name in TIMEOUT} == TIMEOUT
    assert BuildState.objects.get(state_code=10, outcome="failed").left_at is not None
    assert ActivityEntry.objects.filter(type="build.failed").count() == 1


def test_the_same_failure_is_counted_and_another_one_listed(api: Any, build: str, report: Report) -> None:
    report(10)
    fail(api, build)
    entries = AuditEntry.objects.count()
    status, body = fail(api, build)
    assert (status, body["occurrences"], body["changed"]) == (200, 2, False)
    assert AuditEntry.objects.count() == entries
    assert fail(api, build, error_code="OTHER", retryable=False)[1]["occurrences"] == 1
    assert BuildFailure.objects.count() == 2
    assert report(10)[1]["code"] == "resume_required"  # what was told last counts


def test_a_failure_at_another_code_or_after_the_end_is_refused(api: Any, build: str, report: Report) -> None:
    report(10)
    assert fail(api, build, state_code=15)[1]["code"] == "state_conflict"
    fail(api, build)
    assert fail(api, build, state_code=5)[1]["code"] == "state_conflict"
    assert fail(api, build, state_code=10)[1]["occurrences"] == 2
    BuildFailure.objects.all().delete()
    report(10)
    report(100)
    assert fail(api, build)[1]["code"] == "build_terminal"
    assert not BuildFailure.objects.exists()


def test_a_state_reported_as_failed_is_a_failure_too(build: str, report: Report) -> None:
    report(10)
    assert report(50, status="failed", message="no space")[1]["build_status"] == "failed"
    failure = BuildFailure.objects.get()
    assert (failure.state_code, failure.error_message, failure.fault) == (50, "no space", "unknown")
    assert report(50, status="failed", message="no space")[1]["changed"] is False
    assert BuildFailure.objects.get().occurrences == 1


def test_a_delivered_build_has_made_its_failures_good(api: Any, build: str, report: Report) -> None:
    report(10)
    fail(api, build)
    report(10)
    report(100)
    assert BuildFailure.objects.get().resolution == "completed"
    assert api.get(build).json()["reason"] == ""


def test_a_build_resumes_at_the_failed_step(api: Any, build: str, report: Report) -> None:
    report(60, run_id="one")
    fail(api, build, retryable=False, run_id="one")
    status, body = resume(api, build, run_id="two", reason="fixed the role")
    assert (status, body["status"], body["current_state"], body["attempt"]) == (201, "resumed", 60, 2)
    assert resume(api, build, run_id="two", reason="fixed the role")[0] == 200
    assert resume(api, build)[1]["code"] == "resume_in_progress"
    assert report(65, run_id="one")[1]["code"] == "run_superseded"
    assert report(100, run_id="two")[1]["build_status"] == "completed"
    ended = Resume.objects.get()
    assert (ended.outcome, ended.failed_code, ended.from_code) == ("completed", 60, 60)
    assert ended.ended_at is not None


def test_a_build_resumes_before_it_and_its_attempts_go_on(api: Any, build: str, report: Report) -> None:
    for code in (25, 50, 60):
        report(code)
    fail(api, build)
    assert resume(api, build, from_state=65)[1]["code"] == "not_resumable"
    assert resume(api, build, from_state=25)[1]["attempt"] == 2
    seen = api.get(build).json()
    assert (seen["current_state"], seen["high_water_code"], seen["status"]) == (25, 60, "in_progress")
    assert report(50)[1]["attempt"] == 2
    assert report(55)[1]["attempt"] == 1
    assert report(60)[1]["attempt"] == 2
    fail(api, build)
    assert Resume.objects.get().outcome == "failed"


def test_a_cancelled_build_resumes_and_others_do_not(api: Any, build: str, report: Report) -> None:
    assert resume(api, build)[1]["code"] == "not_resumable"
    report(25)
    assert resume(api, build)[1]["code"] == "not_resumable"
    api.post(f"{build}/cancel", {"force": True})
    assert resume(api, build)[0] == 201
    report(100)
    assert resume(api, build)[1]["code"] == "not_resumable"


def test_what_a_resume_needs_is_named(api: Any, acme: Tenant) -> None:
    api.post("/projects", {"name": "Golden"})
    needs = {"required_artifacts": ["snapshot"], "required_variables": ["ami"]}
    assert api.post("/projects/golden/state-codes", {"state_code": 60, **needs}).status_code == 201
    made = api.post("/builds", {**MADE_OF, "build_id": "b", "project": "golden"}).json()
    build = f"/builds/{made['id']}"
    api.post(f"{build}/state", {"state_code": 60})
    fail(api, build)
    status, body = resume(api, build)
    assert (status, body["code"]) == (409, "resume_prerequisites")
    assert body["missing"] == ["artifact snapshot", "variable ami"]
    snapshot = {"name": "snapshot", "type": "ami", "storage_type": "s3", "path": "s3://b/k"}
    past = (timezone.now() - timedelta(days=1)).isoformat()
    stored = api.post(f"{build}/artifacts", {**snapshot, "expires_at": past}).json()
    api.post(f"{build}/variables", {"key": "ami", "value": "ami-1"})
    assert resume(api, build)[1]["missing"] == ["artifact snapshot"]
    assert api.patch(f"{build}/artifacts/{stored['id']}", {"expires_at": None}).status_code == 200
    assert resume(api, build)[0] == 201


def test_a_project_may_want_a_final_artifact_and_no_state_left_out(api: Any, acme: Tenant) -> None:
    api.post("/projects", {"name": "Golden", "requires_final_artifact": True})
    api.post("/projects/golden/state-codes", {"state_code": 90, "is_blocking": True})
    made = api.post("/builds", {**MADE_OF, "build_id": "b", "project": "golden"}).json()
    build = f"/builds/{made['id']}"
    body = api.post(f"{build}/state", {"state_code": 100}).json()
    assert (body["code"], body["missing"]) == (
        "incomplete_build",
        ["a final artifact", "state 90 (Tests passed)"],
    )
    api.post(f"{build}/state", {"state_code": 90})
    final = {"name": "image", "type": "ami", "storage_type": "ec2", "path": "ami-1", "is_final": True}
    assert api.post(f"{build}/artifacts", final).status_code == 201
    assert api.post(f"{build}/state", {"state_code": 100}).json()["build_status"] == "completed"


def test_the_resume_context_in_three_forms(api: Any, build: str, report: Report) -> None:
    report(25)
    for name, code in (("old", 10), ("disk", 25), ("too new", 60)):
        artifact = {"name": name, "type": "qcow2", "storage_type": "s3", "path": f"s3://b/{name}"}
        api.post(f"{build}/artifacts", {**artifact, "state_code": code})
    values = {"REGION": "eu central's", "TOKEN": "hush", "BUILD_ID": "mine"}
    for key, value in values.items():
        api.post(f"{build}/variables", {"key": key, "value": value, "is_secret": key == "TOKEN"})
    report(60)
    fail(api, build)
    context = api.get(f"{build}/resume-context").json()
    told = ("build_id", "status", "failed_state", "last_successful_state", "resume_from_state")
    assert [context[name] for name in told] == ["build-1", "failed", 60, 25, 60]
    assert context["artifact"]["name"] == "disk"
    assert context["variables"] == {"BUILD_ID": "mine", "REGION": "eu central's", "TOKEN": "******"}
    assert yaml.safe_load(api.get(f"{build}/resume-context?format=yaml").content) == context
    lines = api.get(f"{build}/resume-context?format=env").content.decode()
    assert "hush" not in lines
    names = (
        "BUILD_VAR_REGION",
        "BUILD_ID",
        "RESUME_FROM_STATE",
        "RESUME_ARTIFACT_PATH",
        "BUILD_VAR_TOKEN",
        "REGION",
    )
    script = lines + 'printf "%s|" ' + " ".join(f'"${name}"' for name in names)
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env={}).stdout
    assert said == "eu central's|build-1|60|s3://b/disk|||"
    assert api.get(f"{build}/resume-context?format=xml").status_code == 400


def test_secret_variables_are_encrypted_and_masked_everywhere(api: Any, build: str) -> None:
    given = {"key": "TOKEN", "value": "hush-hush", "is_secret": True}
    assert api.post(f"{build}/variables", given).json()["value"] == "******"
    assert api.post(f"{build}/variables", given).status_code == 200  # nothing new
    assert api.get(f"{build}/variables/TOKEN").json()["value"] == "******"
    assert "hush-hush" not in api.get(f"{build}/variables").content.decode()
    stored = Variable.objects.get()
    assert "hush-hush" not in stored.value
    logged = f"{list(AuditEntry.objects.values())}{list(ActivityEntry.objects.values())}"
    assert "hush-hush" not in logged
    assert stored.value not in logged


def test_a_secret_stays_one_until_it_is_said_otherwise(api: Any, build: str) -> None:
    api.post(f"{build}/variables", {"key": "TOKEN", "value": "hush", "is_secret": True})
    api.post(f"{build}/variables", {"key": "TOKEN", "value": "other"})
    assert api.get(f"{build}/variables/TOKEN").json()["value"] == "******"
    assert api.post(f"{build}/variables", {"key": "a b", "value": ""}).status_code == 400


def test_artifacts_are_noted_changed_and_forgotten(client_for: Any, key: Any, api: Any, build: str) -> None:
    digest = "AB" * 32
    given = {"name": "image", "type": "ami", "storage_type": "ec2", "path": "ami-1", "checksum": digest}
    answer = api.post(f"{build}/artifacts", given)
    assert (answer.status_code, answer.json()["checksum"]) == (201, f"sha256:{digest.lower()}")
    assert api.post(f"{build}/artifacts", given).status_code == 200
    assert api.post(f"{build}/artifacts", {**given, "path": "ami-2"}).status_code == 409
    url = f"{build}/artifacts/{answer.json()['id']}"
    assert api.patch(url, {"is_final": True}).json()["is_final"] is True
    assert ActivityEntry.objects.filter(type="artifact.final").count() == 1
    assert api.get(f"{build}/artifacts?is_final=true&artifact_type=ami").json()["total"] == 1
    assert api.get(f"{build}/artifacts?is_final=false").json()["total"] == 0
    assert api.delete(url).status_code == 403
    assert client_for(key("admin")).delete(url).status_code == 204
    assert api.get(url).status_code == 404
    assert Artifact.objects.get().deleted_at is not None
    assert api.post(f"{build}/artifacts", given).status_code == 201


def test_a_state_of_a_project_is_its_own(api: Any, acme: Tenant) -> None:
    api.post("/projects", {"name": "Golden"})
    before = api.post("/builds", {**MADE_OF, "build_id": "before", "project": "golden"}).json()
    assert api.put("/projects/golden/state-codes/25", {"retry_max": 0}).json()["retry_max"] == 0
    assert Project.objects.get().template.tenant == acme
    assert set(StateCode.objects.filter(template__tenant=None).values_list("retry_max", flat=True)) == {3}
    after = api.post("/builds", {**MADE_OF, "build_id": "after", "project": "golden"}).json()
    for made, expected in ((before, 200), (after, 409)):
        for sent in ({"state_code": 25}, {"state_code": 25, "status": "failed"}):
            api.post(f"/builds/{made['id']}/state", sent)
        assert api.post(f"/builds/{made['id']}/state", {"state_code": 25}).status_code == expected
    assert Build.objects.get(build_id="after").status == "failed"


def test_a_retired_state_is_not_reported(client_for: Any, key: Any, acme: Tenant) -> None:
    api = client_for(key("admin"))
    api.post("/projects", {"name": "Golden"})
    assert api.put("/projects/golden/state-codes/40", {"name": "Snapshot"}).status_code == 200
    assert api.delete("/projects/golden/state-codes/45").status_code == 204
    made = api.post("/builds", {**MADE_OF, "build_id": "b", "project": "golden"}).json()
    url = f"/builds/{made['id']}/state"
    assert api.post(url, {"state_code": 45}).status_code == 400
    assert api.post(url, {"state_code": 40}).status_code == 200
    assert api.get(f"/builds/{made['id']}").json()["next_code"] == 50
    assert api.delete("/projects/golden/state-codes/40").json()["code"] == "in_use"
    assert api.delete("/projects/golden/state-codes/0").status_code == 400

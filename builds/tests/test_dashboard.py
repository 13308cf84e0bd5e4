"""What the dashboard counts, and that it is never old."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.redis_link import breaker
from builds.models import Platform, Project, StateTemplate
from builds.rules import Report
from builds.services.builds import build_cancel
from builds.services.moves import Entry
from builds.services.reports import Failing, build_fail, build_report
from builds.services.resumes import build_resume
from builds.tests.builders import make_build

Client = Callable[..., APIClient]


def summary(api: APIClient) -> dict[str, Any]:
    answer = api.get("/api/v1/dashboard/summary")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def counts(api: APIClient) -> dict[str, int]:
    """Those that are not 0."""
    return {name: n for name, n in summary(api)["status_counts"].items() if n}


def test_the_summary_counts_each_build_once(acme: Tenant, rival: Tenant, api: APIClient) -> None:
    twice = make_build(acme, "failed-twice", state_code=60, status="in_progress", project=None)
    for message in ("first", "second"):
        build_fail(by=SYSTEM, build=twice, failing=Failing(message))
    make_build(acme, "done", state_code=100, status="completed", platform="azure")
    make_build(acme, "waiting")
    make_build(acme, "gone", state_code=70, status="cancelled")
    running = make_build(acme, "runs", state_code=55, status="in_progress")
    make_build(rival, "foreign")
    template = StateTemplate.objects.get(slug="standard", tenant=None)
    Project.objects.create(tenant=acme, slug="p", name="P", template=template)
    Platform.objects.create(tenant=rival, slug="theirs", name="Theirs", cloud_provider="x")
    found = summary(api)
    recent = found.pop("recent_builds")
    assert found == {
        "total_builds": 5,
        "status_counts": {"pending": 1, "in_progress": 1, "completed": 1, "failed": 1, "cancelled": 1},
        "active_builds": 2,
        "completed_builds": 1,
        "failed_builds": 1,
        "platforms": Platform.objects.filter(tenant=None).count(),
        "projects": 1,
        "builds_by_platform": {"aws-commercial": 4, "azure": 1},
        "builds_by_state": {"0": 1, "55": 1, "60": 1, "70": 1, "100": 1},
    }
    assert [row["build_id"] for row in recent] == ["runs", "gone", "waiting", "done", "failed-twice"]
    assert {name: recent[0][name] for name in recent[0] if not name.endswith("_at")} == {
        "id": str(running.pk), "build_id": "runs", "platform": "aws-commercial", "os_version": "rhel-8.8",
        "image_type": "base", "project": None, "platform_id": "aws-commercial", "os_version_id": "rhel-8.8",
        "image_type_id": "base", "state_code": 55, "status": "in_progress",
    }  # fmt: skip


def test_every_change_is_seen_at_once(acme: Tenant, api: APIClient) -> None:
    body = {"platform": "azure", "os_version": "rhel-8.8", "image_type": "base", "build_id": "b-1"}
    assert counts(api) == {}
    path = f"/builds/{api.post('/builds', body).json()['id']}"
    assert counts(api) == {"pending": 1}
    api.post(f"{path}/state", {"state_code": 25})
    assert (counts(api), summary(api)["builds_by_state"]) == ({"in_progress": 1}, {"25": 1})
    api.post(f"{path}/failure", {"error_message": "no"})
    assert counts(api) == {"failed": 1}
    api.post(f"{path}/resume", {})
    assert counts(api) == {"in_progress": 1}
    api.post(f"{path}/cancel", {"force": True})
    assert counts(api) == {"cancelled": 1}


def test_what_is_asked_again_is_not_counted_again(
    acme: Tenant, api: APIClient, django_assert_num_queries: Any
) -> None:
    make_build(acme)
    with django_assert_num_queries(7):
        first = summary(api)
    with django_assert_num_queries(1):
        assert summary(api) == first


def test_only_metrics_that_took_long_outlive_a_change(
    acme: Tenant, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_builds(days: int) -> int:
        return int(api.get(f"/dashboard/metrics?days={days}").json()["open_now"]["builds"])

    build = make_build(acme)
    assert open_builds(30) == 1
    monkeypatch.setattr("builds.queries.metrics.SLOW_SECONDS", 0)
    assert open_builds(7) == 1
    assert counts(api) == {"pending": 1}
    build_cancel(by=SYSTEM, build=build)
    assert (open_builds(30), open_builds(7)) == (0, 1)
    assert counts(api) == {"cancelled": 1}


def test_without_redis_the_answer_is_still_right(
    acme: Tenant, api: APIClient, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise redis.ConnectionError("away")

    build = make_build(acme)
    assert counts(api) == {"pending": 1}
    with monkeypatch.context() as patch:
        for verb in ("get", "set"):
            patch.setattr(type(cache._connections["default"]), verb, away)  # type: ignore[attr-defined]
        assert counts(api) == {"pending": 1}
        build_cancel(by=SYSTEM, build=build)
        assert counts(api) == {"cancelled": 1}
    breaker._open_until = 0.0
    assert counts(api) == {"cancelled": 1}


def test_the_newest_builds(acme: Tenant, api: APIClient) -> None:
    for number in range(12):
        make_build(acme, f"b-{number:02}")
    names = [row["build_id"] for row in api.get("/dashboard/recent").json()["recent_builds"]]
    assert names == [f"b-{number:02}" for number in range(11, 1, -1)]
    assert len(api.get("/dashboard/recent?limit=3").json()["recent_builds"]) == 3
    assert [api.get(f"/dashboard/recent?limit={n}").status_code for n in (0, 101, "x")] == [400, 400, 400]


def test_a_platform(acme: Tenant, rival: Tenant, api: APIClient) -> None:
    old = make_build(acme, "old", state_code=100, status="completed")
    new = make_build(acme, "new", state_code=60, status="failed")
    make_build(acme, "elsewhere", platform="azure")
    make_build(rival, "foreign")
    found = api.get("/dashboard/platform/aws-commercial").json()
    assert [row["build_id"] for row in found["builds"]] == ["new", "old"]
    assert found["platform"] == "aws-commercial"
    assert found["state_distribution"] == {"60": 1, "100": 1}
    statistics = found["statistics"]
    assert (statistics["total_builds"], statistics["status_counts"]["failed"]) == (2, 1)
    moments = [statistics[name] for name in ("oldest_build", "newest_build")]
    assert moments == [row.created_at.isoformat().replace("+00:00", "Z") for row in (old, new)]
    assert api.get("/dashboard/platform/oci").json()["statistics"]["total_builds"] == 0
    assert api.get("/dashboard/platform/nowhere").status_code == 404
    Platform.objects.create(tenant=rival, slug="theirs", name="Theirs", cloud_provider="x")
    assert api.get("/dashboard/platform/theirs").status_code == 404


def test_who_may_look(acme: Tenant, client_for: Client, key: Any, stranger_key: str) -> None:
    make_build(acme)
    for path in ("summary", "recent", "metrics", "platform/azure"):
        url = f"/api/v1/dashboard/{path}"
        assert client_for(None).get(url).status_code == 401
        assert client_for(key("build")).get(url).status_code == 403
        assert client_for(key("read")).get(url).status_code == 200
        assert client_for(stranger_key, x_tenant_id="acme").get(url).status_code == 403
    assert summary(client_for(stranger_key))["total_builds"] == 0


def test_a_resumed_build_that_completes_is_completed(acme: Tenant, api: APIClient) -> None:
    build = make_build(acme, state_code=60, status="in_progress")
    build_fail(by=SYSTEM, build=build, failing=Failing("no"))
    build_resume(by=SYSTEM, build=build)
    assert counts(api) == {"in_progress": 1}
    build_report(by=SYSTEM, build=build, report=Report(100), entry=Entry())
    assert counts(api) == {"completed": 1}

"""The demo builds are what a pipeline would have left."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from accounts.models import Tenant
from builds.demo import demo_builds_load
from builds.models import Artifact, Build, BuildFailure, BuildState, Channel
from builds.queries.dashboard import dashboard_summary
from builds.queries.metrics import Slice, dashboard_metrics


@pytest.fixture
def builds(acme: Tenant) -> dict[str, Build]:
    assert demo_builds_load(tenant=acme) == 10
    return {build.build_id[-3:]: build for build in Build.objects.for_tenant(acme)}


def test_the_ten_builds(builds: dict[str, Build], acme: Tenant) -> None:
    stand = {name: (build.state_code, build.status) for name, build in builds.items()}
    done = dict.fromkeys(("001", "002", "004", "006", "008"), (100, "completed"))
    assert stand == {
        **done, "003": (60, "failed"), "005": (55, "in_progress"), "007": (55, "failed"),
        "009": (0, "pending"), "010": (70, "cancelled"),
    }  # fmt: skip
    assert dashboard_summary(acme)["status_counts"] == {
        "pending": 1, "in_progress": 1, "completed": 5, "failed": 2, "cancelled": 1,
    }  # fmt: skip
    figures = dashboard_metrics(acme, Slice())
    assert figures["failure_rate"] == {"n": 7, "value": 0.2857}
    assert figures["first_pass_yield"] == {"n": 7, "value": 0.5714}
    assert 3600 < figures["lead_time"]["p50_seconds"] < 8 * 3600
    assert figures["open_now"] == {"builds": 2, "stuck": 0, "overdue": 0}
    now = timezone.now()
    assert all(now - timedelta(days=10) < build.created_at < now for build in builds.values())


def test_histories_hold_together(builds: dict[str, Build]) -> None:
    for name, build in builds.items():
        rows = list(BuildState.objects.filter(build=build).order_by("seq"))
        assert [row.seq for row in rows] == list(range(1, build.seq + 1)), name
        assert all(a.at <= b.at for a, b in pairwise(rows)), name
        assert rows[0].at == build.created_at
        assert (rows[-1].state_code, rows[-1].status) == (build.state_code, build.status)
        going_on = [row for row in rows if row.entered_at and row.left_at is None]
        assert len(going_on) == (1 if build.is_open else 0), name
        assert (build.ended_at is None) == build.is_open
        assert build.ended_at in (None, rows[-1].at)
        assert max(row.at for row in rows) <= timezone.now()
    retried = BuildState.objects.filter(build=builds["002"], state_code=60).order_by("seq")
    assert [(row.status, row.attempt, row.outcome) for row in retried] == [
        ("in_progress", 1, "failed"), ("failed", 1, ""), ("in_progress", 2, "completed"),
    ]  # fmt: skip


def test_what_belongs_to_them(builds: dict[str, Build], acme: Tenant) -> None:
    failures = BuildFailure.objects.order_by("build__build_id").values_list(
        "build__build_id", "error_code", "component", "resolution"
    )
    assert list(failures) == [
        ("BUILD-2024-002", "ANSIBLE_TIMEOUT", "ansible", "completed"),
        ("BUILD-2024-003", "SAP_DEPLOY_001", "sap-deployment", ""),
        ("BUILD-2024-007", "DB_INSTALL_001", "database-setup", ""),
    ]
    assert Artifact.objects.filter(is_final=True).count() == 5
    assert builds["008"].parent == builds["004"]
    named = Channel.objects.values_list("name", "build__build_id").order_by("name", "build__build_id")
    latest = [("latest", f"BUILD-2024-{n}") for n in ("001", "002", "004", "006", "008")]
    assert list(named) == [*latest, ("production", "BUILD-2024-001"), ("production", "BUILD-2024-004")]


def test_they_are_loaded_once_in_each_tenant(builds: dict[str, Build], acme: Tenant, rival: Tenant) -> None:
    assert demo_builds_load(tenant=acme) == 0
    assert demo_builds_load(tenant=rival) == 10
    assert Build.objects.for_tenant(acme).count() == 10

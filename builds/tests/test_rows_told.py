"""Rows that are told without DRF's fields say what those would."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.serializers import ModelSerializer

from accounts.models import Tenant
from builds.api.documents import BuildResponse, FailureResponse, HistoryRow
from builds.models import Build, BuildFailure, BuildState
from builds.queries.builds import builds_listed
from builds.tests.builders import make_build

pytestmark = pytest.mark.django_db


def said_by_drf(serializer: type[Any], rows: list[Any]) -> list[dict[str, Any]]:
    one = serializer()
    return [dict(ModelSerializer.to_representation(one, row)) for row in rows]


def test_every_field_is_told_as_drf_would(api: Any, build: str, acme: Tenant) -> None:
    odd = {"metadata": {"price": Decimal("0.10"), "deep": [{"né": None}]}, "message": "né ✓"}
    artifact = {"artifact_storage_type": "s3", "artifact_path": "x"}
    assert api.post(f"{build}/state", {"state_code": 25, **odd, **artifact}).status_code == 200
    api.post(f"{build}/heartbeat", {"progress": 40})
    api.post(f"{build}/failure", {"error_message": "x", "details": {"n": Decimal("1.0")}, "fault": "user"})
    whole = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
    child = make_build(acme, "child", parent=Build.objects.get(), created_at=whole, status="in_progress")
    lists: list[tuple[type[Any], list[Any]]] = [
        (BuildResponse, list(builds_listed(Build.objects.order_by("pk")))),
        (HistoryRow, list(BuildState.objects.order_by("pk"))),
        (FailureResponse, list(BuildFailure.objects.all())),
    ]
    lists[0][1][1].revoked_at = whole.astimezone(timezone(timedelta(hours=-5)))
    for serializer, rows in lists:
        assert rows
        assert serializer(rows, many=True).data == said_by_drf(serializer, rows)
    told = BuildResponse(lists[0][1], many=True).data[1]
    assert (told["parent"], told["created_at"], told["revoked_at"]) == (
        child.parent_id, "2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z",
    )  # fmt: skip

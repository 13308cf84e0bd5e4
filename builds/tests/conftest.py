"""Fixtures of the build tests."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

MADE_OF = {"platform": "aws-commercial", "os_version": "rhel-8.8", "image_type": "base"}


@pytest.fixture
def api(client_for: Callable[..., APIClient], key: Callable[..., str]) -> Any:
    """A client with a key of acme that writes."""
    return client_for(key("write"))


@pytest.fixture
def build(api: Any) -> str:
    """The URL of a build of acme that was just announced."""
    answer = api.post("/builds", {**MADE_OF, "build_id": "build-1"})
    assert answer.status_code == 201, answer.json()
    return f"/api/v1/builds/{answer.json()['id']}"


@pytest.fixture
def report(api: Any, build: str) -> Callable[..., Any]:
    """`report(25, status="completed")`: the status and body of the answer to a state report."""

    def send(code: Any, **fields: Any) -> tuple[int, dict[str, Any]]:
        answer = api.post(f"{build}/state", {"state_code": code, **fields})
        return answer.status_code, answer.json()

    return send

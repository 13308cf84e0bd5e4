"""Fixtures of the usage tests."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from accounts.models import Tenant
from usage import queue, writer
from usage.models import UsageEvent
from usage.tests.documents import STRUCTURED, as_bytes

Post = Callable[..., Any]  # the test client's response has more than the types say


@pytest.fixture
def post(client_for: Callable[..., APIClient]) -> Post:
    """`post(who, document)`: events as JSON; `path`, `content_type` and headers may differ."""

    def send(
        who: Any,
        document: Any,
        *,
        path: str = "/api/v1/events",
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        body = document if isinstance(document, bytes) else as_bytes(document)
        return client_for(who, **headers).post(path, data=body, content_type=content_type)

    return send


@pytest.fixture
def send(client_for: Callable[..., Any], key: Callable[..., str]) -> Post:
    """`send(body, content_type)`: CloudEvents of acme, by a key that only sends."""
    secret = key("ingest")

    def send(body: Any, content_type: str = STRUCTURED, path: str = "/api/v1/events", **headers: str) -> Any:
        content = body if isinstance(body, bytes) else as_bytes(body)
        return client_for(secret).generic("POST", path, content, content_type, **headers)

    return send


@pytest.fixture
def stored() -> Callable[[Tenant], list[UsageEvent]]:
    """`stored(tenant)`: what its ledger holds once the queue is empty, in the order of acceptance."""

    def events(tenant: Tenant) -> list[UsageEvent]:
        drain()
        return list(UsageEvent.objects.for_tenant(tenant).order_by("received_at", "id"))

    return events


def drain() -> None:
    """Do the event writer's work in this thread; without Redis there is none."""
    if not settings.REDIS_URL:
        return
    queue.readers()[0].ensure_group()
    while entries := queue.readers()[0].read("test", 1000, block_ms=1):
        writer.apply(entries)
        queue.readers()[0].done([entry_id for entry_id, _ in entries])

"""A sender that streams its body says no length; the body is read all the same, up to the limit."""

from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

from accounts.models import Tenant
from config.charset import Utf8WSGIRequest
from tests.builders import make_key
from usage.models import UsageEvent
from usage.tests.conftest import drain
from usage.tests.documents import as_bytes, event


def environ(body: bytes, **headers: Any) -> dict[str, Any]:
    made = RequestFactory().generic("POST", "/api/v1/events").environ
    made.pop("CONTENT_LENGTH", None)
    made |= {"CONTENT_TYPE": "application/json", "HTTP_TRANSFER_ENCODING": "chunked"}
    return {**made, "wsgi.input": BytesIO(body), **headers}


def answer(environ: dict[str, Any]) -> str:
    seen: list[str] = []
    handler: Any = WSGIHandler()
    handler.request_class = Utf8WSGIRequest
    list(handler(environ, lambda status, headers: seen.append(status)))
    return seen[0]


@pytest.mark.django_db(transaction=True)
def test_events_in_chunks_are_stored(acme: Tenant) -> None:
    key = make_key(acme, "ingest")[1]
    assert answer(environ(as_bytes(event(event_id="a")), HTTP_X_API_KEY=key)) == "202 Accepted"
    drain()
    assert UsageEvent.objects.for_tenant(acme).get().event_id == "a"


@pytest.mark.django_db(transaction=True)
def test_the_limit_holds_without_a_length(acme: Tenant, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    key = make_key(acme, "ingest")[1]
    body = BytesIO(b"{" * 5000)
    assert answer(environ(b"", HTTP_X_API_KEY=key) | {"wsgi.input": body}).startswith("413")
    assert body.tell() == 1001
    assert UsageEvent.objects.count() == 0


def test_a_length_that_is_given_is_believed() -> None:
    request = Utf8WSGIRequest(environ(b"hello", CONTENT_LENGTH="2"))
    assert request.body == b"he"

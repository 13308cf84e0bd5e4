"""What every answer carries, the optional slash, the documents, and the layer between threads."""

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from config.channel_layer import OneProcessLayer

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/health", "/api/v1/usage", "/docs", "/console/sign-in", "/nope"])
def test_every_answer_is_guarded(path: str) -> None:
    answer = Client().get(path)
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "script-src" not in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Request-ID"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/console/sign-in", "/admin/login/"])
def test_pages_keep_to_the_policy(path: str) -> None:
    """No script or handler in the page itself, and nothing from elsewhere."""
    page = Client().get(path).content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", page) == []
    assert re.findall(r"\son\w+=", page) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//[^\"]*", page) == []


def test_a_slash_at_the_end_changes_nothing(
    key: Callable[..., str], client_for: Callable[..., APIClient]
) -> None:
    caller = client_for(key("read"))
    for path in ("/usage", "/usage/", "/api/v1/usage", "/api/v1/usage/", "/api/v1/usage//"):
        assert caller.get(path).status_code == 200, path


def test_the_document_lists_each_path_once_with_its_errors() -> None:
    document = Client().get("/openapi.json").json()
    paths = list(document["paths"])
    assert {"/", "/health", "/ready", "/status", "/metrics", "/api/v1/events"} <= set(paths)
    assert not {"/events", "/api/v1/health", "/api/v1"} & set(paths)
    error = {"$ref": "#/components/responses/Error"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["responses"]["4XX"] == error, path
            assert operation["responses"]["5XX"] == error, path


def test_the_browsable_api_works_in_a_browser(owner: User) -> None:
    browser = Client()
    browser.force_login(owner)
    page = browser.get("/api/v1/usage", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page["Content-Type"].startswith("text/html")
    assert b"total_count" in page.content
    assert b'<html lang="en">' in page.content
    assert b'<pre class="prettyprint" tabindex="0">' in page.content
    described = browser.get("/api/v1/builds", headers={"Accept": "text/html"}).content
    assert b"Builds by the <code>id</code> that their creation answered." in described


@pytest.mark.parametrize(
    ("credential", "error"),
    [({}, b"authentication_required"), ({"X-API-Key": "sky_none"}, b"invalid_api_key")],
)
def test_a_browser_that_is_refused_is_told_why(credential: dict[str, str], error: bytes) -> None:
    page = Client().get("/api/v1/meters", headers={"Accept": "text/html", **credential})
    assert page.status_code == 401
    assert page["Content-Type"].startswith("text/html")
    assert error in page.content
    assert b'name="_content"' not in page.content


def test_the_browsable_api_offers_what_the_caller_may_do(owner: User, viewer: User) -> None:
    for person, status, forms in ((owner, 200, True), (viewer, 200, False)):
        browser = Client()
        browser.force_login(person)
        page = browser.get("/api/v1/meters", headers={"Accept": "text/html"})
        assert (page.status_code, b'name="_content"' in page.content) == (status, forms), person


def test_options_says_what_a_reader_may_ask_for(viewer: User, client_for: Callable[..., APIClient]) -> None:
    answer = client_for(viewer).options("/api/v1/meters")
    assert answer.status_code == 200
    assert "actions" not in answer.json()


async def test_a_message_from_another_loop_arrives() -> None:
    layer = OneProcessLayer()
    channel = await layer.new_channel()
    await layer.group_add("activity.x", channel)
    receiving = asyncio.create_task(layer.receive(channel))
    await asyncio.sleep(0)

    def send() -> None:
        asyncio.run(layer.group_send("activity.x", {"type": "activity.wake"}))

    thread = threading.Thread(target=send)
    thread.start()
    message: dict[str, Any] = await asyncio.wait_for(receiving, 2)
    assert message == {"type": "activity.wake"}
    await asyncio.to_thread(thread.join)


async def test_nobody_listening_is_no_error() -> None:
    await OneProcessLayer().group_send("activity.x", {"type": "activity.wake"})

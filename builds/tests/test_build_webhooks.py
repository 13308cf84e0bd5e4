"""What happens to a build reaches the tenant's webhooks: signed, once, tried again, and to be looked at."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Delivery, Tenant, User
from accounts.principals import SYSTEM
from accounts.services.sending import deliveries_sweep
from accounts.services.webhooks import webhook_create
from accounts.tests.receiver import Message, Receiver
from builds.services.sweep import builds_sweep
from builds.tests.conftest import MADE_OF

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
Report = Callable[..., Any]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Time stands still until it is shifted, and waits have no jitter."""
    monkeypatch.setattr("accounts.services.sending.JITTER", 0)
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """It listens on this machine, where webhooks go in development alone."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as server:
        yield server


@pytest.fixture
def secret(acme: Tenant, rival: Tenant, clock: Any, receiver: Receiver) -> str:
    """Of acme's webhook, which asked for builds; rival's asked for everything and shall hear nothing."""
    webhook_create(by=SYSTEM, tenant=rival, url=receiver.url.replace("hook", "rival"), events=["*"])
    _, text = webhook_create(by=SYSTEM, tenant=acme, url=receiver.url, events=["build.*"])
    Delivery.objects.all().delete()  # rival's was told that it was made
    return text


def told(receiver: Receiver, secret: str) -> list[tuple[str, dict[str, Any]]]:
    """Send what waits; the type and data of all that came, by `seq`, once each is checked."""
    deliveries_sweep()
    assert all(message.is_signed_with(secret) for message in receiver.got)
    assert {message.path for message in receiver.got} <= {"/hook?a=b"}
    bodies = sorted((json.loads(message.body) for message in receiver.got), key=lambda body: body["seq"])
    return [(body["type"], body["data"]) for body in bodies]


def test_a_failed_resumed_and_delivered_build_is_told_of(
    secret: str, receiver: Receiver, api: APIClient, build: str, report: Report
) -> None:
    report(25, message="packer done")
    failure = {"error_message": "timeout", "error_code": "PACKER_TIMEOUT", "fault": "infrastructure"}
    assert api.post(f"{build}/failure", failure).status_code == 200
    assert api.post(f"{build}/resume", {"run_id": "run-2"}).status_code == 201
    report(100, run_id="run-2")
    happened = told(receiver, secret)
    told_of = [(type, data["state_code"], data["status"]) for type, data in happened]
    assert told_of == [
        ("build.created", 0, "pending"),
        ("build.state_changed", 25, "in_progress"),
        ("build.failed", 25, "failed"),
        ("build.resumed", 25, "in_progress"),
        ("build.completed", 100, "completed"),
    ]
    assert happened[2][1] == {
        "id": build.rpartition("/")[2],
        "build_id": "build-1",
        "state_code": 25,
        "status": "failed",
        "attempt": 1,
        "message": "timeout",
        "reason": "PACKER_TIMEOUT",
        "fault": "infrastructure",
    }


def test_a_report_sent_again_or_refused_is_not_told_again(
    secret: str, receiver: Receiver, api: APIClient, build: str, report: Report
) -> None:
    assert report(25)[1]["changed"] is True
    assert report(25)[1]["changed"] is False
    assert report(10)[0] == 409
    assert api.post("/builds", {**MADE_OF, "build_id": "build-1"}).status_code == 200
    assert [type for type, _ in told(receiver, secret)] == ["build.created", "build.state_changed"]
    assert deliveries_sweep() == 0
    assert len(receiver.got) == 2


def test_what_the_clock_does_is_told_too(
    secret: str, receiver: Receiver, clock: Any, api: APIClient, build: str, report: Report
) -> None:
    report(25)
    assert api.post(f"{build}/heartbeat", {}).status_code == 200
    clock.shift(900)
    assert builds_sweep()["lost"] == 1
    assert builds_sweep()["lost"] == 0
    type, data = told(receiver, secret)[-1]
    assert (type, data["reason"], data["fault"]) == ("build.failed", "HEARTBEAT_LOST", "infrastructure")
    assert len(receiver.got) == 3


def test_a_receiver_that_is_down_gets_the_same_message_later_with_a_new_time(
    secret: str, receiver: Receiver, clock: Any, build: str, staff: User
) -> None:
    """The id tells a repetition, the time a replay: both are under the signature."""
    receiver.answers.append((503, {}))
    deliveries_sweep()
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.last_error) == ("pending", 1, "It answered 503.")
    clock.shift(60)
    told(receiver, secret)
    first, second = receiver.got
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    times = [int(message.headers["webhook-timestamp"]) for message in receiver.got]
    assert times == [int(START.timestamp()), int(START.timestamp()) + 60]
    replayed = Message(
        second.path, {**second.headers, "webhook-timestamp": str(times[1] + 3600)}, second.body
    )
    assert not replayed.is_signed_with(secret)
    browser = Browser()
    browser.force_login(staff)
    page = browser.get(reverse("admin:accounts_delivery_changelist"), {"q": "build.created"})
    (seen,) = page.context["cl"].queryset
    assert (seen.event_type, seen.state, seen.attempts) == ("build.created", "delivered", 2)
    assert "build.created" in page.content.decode()


@pytest.mark.parametrize("host", ["10.1.2.3", "169.254.169.254", "[fe80::1]", "127.0.0.1"])
def test_no_build_is_told_to_our_own_network(
    acme: Tenant, api: APIClient, owner: User, client_for: Any, host: str
) -> None:
    url = f"https://{host}/hook"
    body = {"url": url, "events": ["build.*"]}
    refused = client_for(owner).post("/webhooks", body, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "url")
    hook, _ = webhook_create(by=SYSTEM, tenant=acme, url="https://example.com/hook", events=["build.*"])
    assert api.post("/builds", {**MADE_OF, "build_id": "build-1"}).status_code == 201
    Delivery.objects.update(target=url)  # as if its name had meant something else when it was made
    deliveries_sweep()
    row = Delivery.objects.get(webhook=hook)
    assert (row.state, row.attempts) == ("failed", 1)
    assert row.last_error == "The address is refused: its host is in a private or reserved network."

"""Fixtures of the accounts' tests."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import time_machine
from prometheus_client import REGISTRY

from accounts.models import Delivery, Tenant, Webhook
from accounts.principals import SYSTEM
from accounts.services import sending
from accounts.services.webhooks import webhook_create
from accounts.tests.outbox import START
from accounts.tests.receiver import Receiver


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Any:
    """`with committed(execute=True):` does at its end what waits for a commit, which a test never makes."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """It listens on this machine, where webhooks go in development alone."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as server:
        yield server


@pytest.fixture
def hook(acme: Tenant, receiver: Receiver) -> tuple[Webhook, str]:
    """A webhook of acme to the receiver, and its secret; nothing waits to be sent."""
    made = webhook_create(by=SYSTEM, tenant=acme, url=receiver.url, events=["test.*"])
    assert not Delivery.objects.exists()
    return made


@pytest.fixture
def counted() -> Callable[[str, str], float]:
    """How much a kind's outcome has grown since the test began."""

    def value(kind: str, outcome: str) -> float:
        labels = {"kind": kind, "outcome": outcome}
        return REGISTRY.get_sample_value("deliveries_total", labels) or 0.0

    every = product(("webhook", "mail"), ("delivered", "retried", "failed"))
    before = {labels: value(*labels) for labels in every}
    return lambda kind, outcome: value(kind, outcome) - before[kind, outcome]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Time stands still at START until it is shifted, and waits have no jitter."""
    monkeypatch.setattr(sending, "JITTER", 0)
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller

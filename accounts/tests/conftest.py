"""Fixtures of the accounts' tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import Delivery, Tenant, Webhook
from accounts.principals import SYSTEM
from accounts.services.webhooks import webhook_create
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

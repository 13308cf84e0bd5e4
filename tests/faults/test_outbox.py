"""A worker killed after a message has arrived and before it is noted: it comes again, as the same one."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from accounts.background import ask_worker
from accounts.models import Delivery, Tenant
from accounts.principals import SYSTEM
from accounts.services.webhooks import webhook_create
from accounts.tests.outbox import happen, only
from accounts.tests.receiver import Receiver
from tests.faults.programs import Worker
from tests.faults.stack import eventually

pytestmark = [pytest.mark.full, pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as server:
        yield server


@pytest.fixture
def sender(worker_environment: dict[str, str]) -> Iterator[Worker]:
    """A worker that may speak to this machine."""
    with Worker({**worker_environment, "WEBHOOK_ALLOW_PRIVATE": "true"}) as running:
        yield running


def test_a_message_that_arrived_unnoted_comes_again_as_the_same(
    acme: Tenant, receiver: Receiver, sender: Worker
) -> None:
    _, secret = webhook_create(by=SYSTEM, tenant=acme, url=receiver.url, events=["test.*"])
    receiver.answering.clear()
    happen(acme, number=1)
    assert eventually(lambda: len(receiver.got) == 1), sender.log_tail()
    sender.kill()
    receiver.answering.set()
    assert (only().state, only().attempts) == ("pending", 1)
    Delivery.objects.update(next_attempt_at=timezone.now())  # the dead one's lease is over
    sender.start()
    assert ask_worker("accounts.sweep_deliveries")
    assert eventually(lambda: only().state == "delivered"), sender.log_tail()
    first, again = receiver.got
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body
    assert first.is_signed_with(secret)
    assert again.is_signed_with(secret)
    assert only().attempts == 2

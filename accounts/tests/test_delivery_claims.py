"""Who sends a delivery: one of many senders at a time, and another when that one is gone."""

import json
import threading
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from accounts import outbound
from accounts.models import Delivery, Tenant, User, Webhook
from accounts.redis_link import breaker
from accounts.services import sending
from accounts.services.sending import BACKOFF, LEASE_SECONDS, deliveries_sweep
from accounts.tests.outbox import happen, only, reset_mail
from accounts.tests.receiver import Receiver

pytestmark = pytest.mark.django_db
Hook = tuple[Webhook, str]


def test_while_no_worker_can_be_asked_mail_goes_out_and_webhooks_wait(
    acme: Tenant, hook: Hook, receiver: Receiver, member: User, committed: Any, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    breaker.trip()
    with committed(execute=True):
        happen(acme)
        reset_mail(member)
    assert (len(mail.outbox), receiver.got) == (1, [])
    assert set(Delivery.objects.values_list("kind", "state")) == {
        ("webhook", "pending"),
        ("mail", "delivered"),
    }
    deliveries_sweep()
    assert len(receiver.got) == 1


def test_a_dead_senders_claim_is_taken_over(
    acme: Tenant, hook: Hook, receiver: Receiver, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*args: Any) -> None:
        raise Killed

    happen(acme)
    with monkeypatch.context() as patch:
        patch.setattr(outbound, "post", killed)
        with pytest.raises(Killed):
            deliveries_sweep()
    assert (only().state, only().attempts) == ("pending", 1)
    assert deliveries_sweep() == 0  # it may still be at work
    clock.shift(LEASE_SECONDS)
    assert deliveries_sweep() == 1
    assert len(receiver.got) == 1
    assert (only().state, only().attempts) == ("delivered", 2)


def test_one_that_kills_its_senders_is_given_up(acme: Tenant, hook: Hook, receiver: Receiver) -> None:
    happen(acme)
    Delivery.objects.update(attempts=len(BACKOFF) + 1)
    assert deliveries_sweep() == 1
    assert (only().state, receiver.got) == ("failed", [])


def test_a_sender_whose_lease_ran_out_has_no_say(
    acme: Tenant, hook: Hook, receiver: Receiver, clock: Any
) -> None:
    """The slow one fails after the other delivered; the message stays delivered."""
    receiver.answers.extend([(204, {}), (500, {})])
    happen(acme)
    slow = sending._claim(only().pk)
    assert slow is not None
    clock.shift(LEASE_SECONDS)
    assert deliveries_sweep() == 1
    outcome = sending._post(slow)
    assert outcome.status == 500
    sending._put_off(slow, outcome)
    sending._given_up(slow, outcome)
    assert (only().state, only().last_status, only().attempts) == ("delivered", 204, 2)
    assert Webhook.objects.get().failures == 0


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_send_once(acme: Tenant, hook: Hook, receiver: Receiver) -> None:
    for n in range(10):
        happen(acme, n=n)
    start = threading.Barrier(3)
    failures: list[BaseException] = []

    def sweep() -> None:
        try:
            start.wait(20)
            deliveries_sweep()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert sorted(json.loads(message.body)["data"]["n"] for message in receiver.got) == list(range(10))
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}


def test_a_claim_is_had_once(acme: Tenant, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both saw it due; the one who is later finds it moved on."""
    happen(acme)
    delivery = only()
    seen_before = sending._due().filter(pk=delivery.pk).select_related("webhook", "tenant")
    list(seen_before)
    first = sending._claim(delivery.pk)
    assert first is not None
    monkeypatch.setattr(sending, "_due", lambda: Stale(seen_before))
    assert sending._claim(delivery.pk) is None
    assert only().attempts == 1


class Stale:
    """What somebody read a moment ago."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def filter(self, **_: Any) -> "Stale":
        return self

    def select_related(self, *_: Any) -> "Stale":
        return self

    def first(self) -> Any:
        return self.rows[0]

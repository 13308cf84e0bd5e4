"""The outbox: what a committed deed tells arrives signed, once in the usual case, and never for ever late."""

import json
import re
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail import BadHeaderError, EmailMultiAlternatives
from django.db import transaction
from django.template import TemplateDoesNotExist

from accounts import outbound
from accounts.models import ActivityEntry, AuditEntry, Delivery, Tenant, User, Webhook
from accounts.principals import SYSTEM
from accounts.queries import deliveries_due
from accounts.services import sending
from accounts.services.deliveries import delivery_enqueue, notify
from accounts.services.logs import record
from accounts.services.sending import BACKOFF, deliver, deliveries_sweep
from accounts.services.webhooks import webhook_create, webhook_rotate_secret
from accounts.tasks import deliver as deliver_task
from accounts.tasks import sweep_deliveries
from accounts.tests.outbox import START, happen, only, reset_mail
from accounts.tests.receiver import Receiver

pytestmark = pytest.mark.django_db
Hook = tuple[Webhook, str]


def test_a_deed_arrives_signed(
    acme: Tenant, hook: Hook, receiver: Receiver, counted: Callable[[str, str], float]
) -> None:
    _, secret = hook
    happen(acme, note="fünf", number=5)
    happen(acme, "other.done")  # it asked for test.* alone
    delivery = only()
    assert (delivery.state, delivery.attempts, receiver.got) == ("pending", 0, [])
    assert deliveries_due() == 1
    assert deliveries_sweep() == 1
    assert deliveries_due() == 0
    (message,) = receiver.got
    assert message.is_signed_with(secret)
    assert not message.is_signed_with("whsec_AAAA")
    assert message.path == "/hook?a=b"
    assert message.headers["webhook-id"] == str(delivery.pk)
    assert message.headers["content-type"] == "application/json"
    entry = ActivityEntry.objects.get(type="test.done")
    assert json.loads(message.body) == {
        "type": "test.done",
        "timestamp": entry.ts.isoformat(),
        "organization_id": str(acme.pk),
        "seq": entry.seq,
        "data": {"note": "fünf", "number": 5},
    }
    delivery = only()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 204)
    assert delivery.delivered_at is not None
    assert counted("webhook", "delivered") == 1
    assert deliveries_sweep() == 0
    assert len(receiver.got) == 1


def test_the_documented_way_to_check_a_message(acme: Tenant, hook: Hook, receiver: Receiver) -> None:
    happen(acme)
    deliveries_sweep()
    page = (Path(settings.BASE_DIR) / "docs" / "webhooks.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    (message,) = receiver.got
    names["verify"](hook[1], message.headers, message.body)
    late = {**message.headers, "webhook-timestamp": "1"}
    for secret, headers, body, why in (
        ("whsec_AAAA", message.headers, message.body, "not signed"),
        (hook[1], message.headers, message.body + b" ", "not signed"),
        (hook[1], late, message.body, "too old"),
    ):
        with pytest.raises(ValueError, match=why):
            names["verify"](secret, headers, body)


def test_a_worker_is_asked_once_the_deed_is_committed(
    acme: Tenant, hook: Hook, receiver: Receiver, committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        deliver_task, "apply_async", lambda args, kwargs, **_: deliver_task.apply(args, kwargs, throw=True)
    )
    with committed(execute=True):
        happen(acme)
        assert receiver.got == []
    assert len(receiver.got) == 1
    assert only().state == "delivered"


def test_other_tenants_and_inactive_webhooks_hear_nothing(
    acme: Tenant, rival: Tenant, hook: Hook, receiver: Receiver
) -> None:
    happen(rival)
    assert not Delivery.objects.exists()
    Webhook.objects.update(is_active=False)
    happen(acme)
    assert not Delivery.objects.exists()


def test_it_costs_no_query_to_find_no_webhooks(acme: Tenant, django_assert_num_queries: Any) -> None:
    happen(acme)
    with transaction.atomic(), django_assert_num_queries(2):  # which write the entry
        record(tenant=acme, type="test.done", by=SYSTEM, payload={})


def test_nothing_is_sent_when_the_deed_is_rolled_back(
    acme: Tenant, hook: Hook, receiver: Receiver, committed: Any
) -> None:
    with committed(execute=True), transaction.atomic():
        record(tenant=acme, type="test.done", by=SYSTEM, payload={})
        assert Delivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    assert deliveries_sweep() == 0
    assert receiver.got == []


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_nothing_is_written(acme: Tenant) -> None:
    with pytest.raises(RuntimeError):
        delivery_enqueue(
            tenant=acme, kind=Delivery.Kind.MAIL, target="a@example.com", event_type="x", payload={}
        )
    assert not Delivery.objects.exists()


def test_it_is_tried_again_after_a_500(
    acme: Tenant, hook: Hook, receiver: Receiver, clock: Any, counted: Callable[[str, str], float]
) -> None:
    receiver.answers.append((500, {}))
    happen(acme)
    assert deliveries_sweep() == 1
    delivery = only()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("pending", 1, 500)
    assert delivery.last_error == "It answered 500."
    assert delivery.next_attempt_at == START + timedelta(seconds=BACKOFF[0])
    assert deliveries_sweep() == 0
    clock.shift(BACKOFF[0])
    assert deliveries_sweep() == 1
    delivery = only()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 2, 204)
    assert delivery.last_error == ""
    first, second = receiver.got
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == BACKOFF[0]
    assert second.is_signed_with(hook[1])
    assert (counted("webhook", "retried"), counted("webhook", "delivered")) == (1, 1)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, "120", 120),
        (503, "Sun, 01 Mar 2026 10:10:00 GMT", 600),
        (429, "1", BACKOFF[0]),  # sooner than we would come anyway
        (429, "999999999999", BACKOFF[-1]),
        (429, "soon", BACKOFF[0]),
        (429, "-5", BACKOFF[0]),
        (429, "Sun, 01 Mar 2026 10:10:00", BACKOFF[0]),
        (429, "Sun, 01 Mar 2020 10:10:00 GMT", BACKOFF[0]),
    ],
)
def test_retry_after_is_honoured(
    acme: Tenant, hook: Hook, receiver: Receiver, clock: Any, status: int, retry_after: str, seconds: int
) -> None:
    receiver.answers.append((status, {"Retry-After": retry_after}))
    happen(acme)
    deliveries_sweep()
    assert only().next_attempt_at == START + timedelta(seconds=seconds)


def test_waits_grow_for_about_a_day_and_then_it_is_given_up(
    acme: Tenant, hook: Hook, receiver: Receiver, clock: Any, counted: Callable[[str, str], float]
) -> None:
    happen(acme)
    for wait in BACKOFF:
        receiver.answers.append((500, {}))
        assert deliveries_sweep() == 1
        assert only().state == "pending"
        clock.shift(wait)
    receiver.answers.append((404, {}))
    assert deliveries_sweep() == 1
    delivery = only()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("failed", 11, 404)
    assert sum(BACKOFF) == 85_355
    assert Webhook.objects.get().failures == 11
    assert (counted("webhook", "retried"), counted("webhook", "failed")) == (10, 1)
    clock.shift(86_400)
    assert deliveries_sweep() == 0


def test_waits_are_spread(acme: Tenant, hook: Hook, receiver: Receiver) -> None:
    for _ in range(3):
        receiver.answers.append((500, {}))
        happen(acme)
    for delivery in Delivery.objects.all():
        Webhook.objects.update(resting_until=None)
        assert deliver(delivery_id=delivery.pk) is False
    before = datetime.now(UTC)
    waits = {(d.next_attempt_at - before).total_seconds() for d in Delivery.objects.all()}
    assert len({round(wait, 1) for wait in waits}) > 1
    assert all(0 < wait <= 1.2 * BACKOFF[0] for wait in waits)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(acme: Tenant, hook: Hook, receiver: Receiver, status: int) -> None:
    receiver.answers.append((status, {"Location": receiver.url.replace("hook", "elsewhere")}))
    happen(acme)
    deliveries_sweep()
    assert [message.path for message in receiver.got] == ["/hook?a=b"]
    delivery = only()
    assert (delivery.state, delivery.last_status) == ("pending", status)


def test_a_private_address_is_refused(
    acme: Tenant, hook: Hook, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when a name means one only now: it is looked up when it is called."""
    happen(acme)
    settings.WEBHOOK_ALLOW_PRIVATE = False
    Delivery.objects.update(target=f"https://rebound.example.com:{receiver.port}/")
    monkeypatch.setattr(outbound, "PORTS", {receiver.port})
    answer = [(2, 1, 6, "", ("127.0.0.1", receiver.port))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **kwargs: answer)
    assert deliveries_sweep() == 1
    delivery = only()
    assert (delivery.state, delivery.attempts, receiver.got) == ("failed", 1, [])
    assert delivery.last_error == "The address is refused: its host is in a private or reserved network."


def test_a_webhook_that_says_gone_is_paused(acme: Tenant, hook: Hook, receiver: Receiver) -> None:
    receiver.answers.append((410, {}))
    happen(acme)
    happen(acme)
    assert deliveries_sweep() == 2
    assert not Webhook.objects.get().is_active
    assert ActivityEntry.objects.filter(type="webhook.paused").count() == 1
    assert AuditEntry.objects.get(action="webhook.paused").changes == {"is_active": [True, False]}
    assert len(receiver.got) == 1  # the second was given up unsent
    errors = Delivery.objects.order_by("id").values_list("state", "last_error")
    assert list(errors) == [
        ("failed", "It answered 410."),
        ("failed", "The webhook was paused or deleted."),
    ]


def test_a_failing_webhook_rests_and_holds_nobody_up(
    acme: Tenant, rival: Tenant, hook: Hook, receiver: Receiver, clock: Any
) -> None:
    webhook_create(by=SYSTEM, tenant=rival, url=receiver.url.replace("hook", "good"), events=["test.done"])
    receiver.answers.append((500, {}))
    for n in range(3):
        happen(acme, n=n)
    happen(rival)
    assert deliveries_sweep() == 2
    assert [message.path for message in receiver.got] == ["/hook?a=b", "/good?a=b"]
    happen(acme, n=3)
    assert [deliver(delivery_id=row.pk) for row in Delivery.objects.filter(state="pending")] == [None] * 4
    clock.shift(2)
    receiver.answers.append((500, {}))
    assert deliveries_sweep() == 1
    assert Webhook.objects.for_tenant(acme).get().resting_until == START + timedelta(seconds=2 + 4)
    clock.shift(4)
    assert deliveries_sweep() == 3  # it answers again; the second message waits for its own time
    webhook = Webhook.objects.for_tenant(acme).get()
    assert (webhook.failures, webhook.resting_until) == (0, None)
    clock.shift(1)
    assert deliveries_sweep() == 1
    assert not Delivery.objects.filter(state="pending").exists()


def test_a_webhook_that_asks_for_rest_has_it(
    acme: Tenant, hook: Hook, receiver: Receiver, clock: Any
) -> None:
    receiver.answers.append((429, {"Retry-After": "300"}))
    happen(acme)
    happen(acme)
    assert deliveries_sweep() == 1
    clock.shift(299)
    assert deliveries_sweep() == 0
    clock.shift(1)
    assert deliveries_sweep() == 2


def test_a_webhook_that_fails_for_a_day_is_paused(acme: Tenant, hook: Hook, receiver: Receiver) -> None:
    rests = [min(2**n, sending.LONGEST_REST) for n in range(1, sending.PAUSE_AFTER)]
    assert 23 * 3600 < sum(rests) < 25 * 3600
    Webhook.objects.update(failures=sending.PAUSE_AFTER - 2)
    for active in (True, False):
        receiver.answers.append((500, {}))
        happen(acme)
        Webhook.objects.update(resting_until=None)
        assert deliveries_sweep() == 1
        assert Webhook.objects.get().is_active is active
    assert ActivityEntry.objects.get(type="webhook.paused").payload["reason"] == "It answered 500."


def test_an_answer_that_is_none(acme: Tenant, hook: Hook) -> None:
    """PostgreSQL would not keep what it says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            channel, _ = listener.accept()
            with channel:
                channel.recv(65_536)
                channel.sendall(b"\0\xff no HTTP\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        happen(acme)
        Delivery.objects.update(target=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        assert deliveries_sweep() == 1
        thread.join(10)
    assert (only().state, only().last_status) == ("pending", None)
    assert only().last_error == "BadStatusLine:  \u00ff no HTTP  "


def test_two_secrets_sign_while_they_overlap(
    acme: Tenant, hook: Hook, receiver: Receiver, clock: Any
) -> None:
    webhook, old = hook
    _, new = webhook_rotate_secret(by=SYSTEM, webhook=webhook, overlap_seconds=60)
    happen(acme)
    deliveries_sweep()
    clock.shift(60)
    happen(acme)
    deliveries_sweep()
    signed = [(message.is_signed_with(old), message.is_signed_with(new)) for message in receiver.got]
    assert signed == [(True, True), (False, True)]


def test_secrets_are_kept_closed(acme: Tenant, hook: Hook, receiver: Receiver, settings: Any) -> None:
    _, secret = hook
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert secret not in str(Webhook.objects.values())
    assert secret.removeprefix("whsec_") not in str(Webhook.objects.values())
    happen(acme)
    happen(acme)
    former = settings.WEBHOOK_SECRET_KEYS
    settings.WEBHOOK_SECRET_KEYS = ["another", *former]
    first, second = Delivery.objects.order_by("id")
    assert deliver(delivery_id=first.pk) is True
    assert receiver.got[0].is_signed_with(secret)
    settings.WEBHOOK_SECRET_KEYS = ["another"]
    assert deliver(delivery_id=second.pk) is False
    second.refresh_from_db()
    assert (second.state, second.last_error) == ("failed", "Its secret cannot be read; rotate it.")
    assert len(receiver.got) == 1


def test_mail_is_text_and_html_with_one_id(member: User, counted: Callable[[str, str], float]) -> None:
    delivery = reset_mail(member)
    assert mail.outbox == []
    assert deliveries_sweep() == 1
    (message,) = mail.outbox
    assert (message.to, message.subject) == ([member.email], "Set a new Skyledger password")
    assert message.extra_headers["Message-ID"] == f"<{delivery.pk}@skyledger>"
    assert str(message.body).startswith("Somebody, hopefully you,")
    assert isinstance(message, EmailMultiAlternatives)
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    code = re.search(r"<code>(\S+\.\S+)</code>", str(html))
    assert code is not None
    assert code.group(1)[:32] == member.pk.hex
    assert only().state == "delivered"
    assert counted("mail", "delivered") == 1


def test_a_mail_server_that_is_away_is_asked_again(
    member: User, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    reset_mail(member)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", away)
        sweep_deliveries()
    assert (only().state, only().last_error) == (
        "pending",
        "ConnectionRefusedError: [Errno 111] Connection refused",
    )
    clock.shift(BACKOFF[0])
    sweep_deliveries()
    assert (only().state, len(mail.outbox)) == ("delivered", 1)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SMTPRecipientsRefused({"a@b.example": (550, b"no such mailbox")}), "failed"),
        (SMTPRecipientsRefused({"a@b.example": (450, b"greylisted")}), "pending"),
        (BadHeaderError("Header values can't contain newlines"), "failed"),
        (SMTPServerDisconnected("gone"), "pending"),
        (TimeoutError("timed out"), "pending"),
    ],
)
def test_what_no_repetition_mends_is_given_up(
    member: User, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    def fails(*args: Any) -> None:
        raise error

    reset_mail(member)
    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fails)
    assert deliveries_sweep() == 1
    assert (only().state, only().attempts) == (state, 1)
    assert only().last_error.startswith(type(error).__name__)


def test_no_mail_to_somebody_who_left_meanwhile(member: User) -> None:
    reset_mail(member)
    User.objects.update(is_active=False)
    deliveries_sweep()
    assert (only().state, only().attempts, mail.outbox) == ("failed", 1, [])


def test_a_mail_without_a_text_is_a_mistake_of_ours(acme: Tenant) -> None:
    with transaction.atomic():
        notify(tenant=acme, type="no.such", to=["a@example.com"], payload={})
    with pytest.raises(TemplateDoesNotExist):
        deliver(delivery_id=only().pk)
    assert only().state == "pending"

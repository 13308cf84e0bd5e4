"""The way back in: nothing is told to strangers, the code works once, and old sign-ins end."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from kombu import Connection
from kombu.pools import producers
from rest_framework.test import APIClient

from accounts.models import Delivery, User
from accounts.services.sessions import session_open
from accounts.tasks import deliver
from tests.builders import PASSWORD, make_user
from tests.servers.process import free_port

pytestmark = pytest.mark.django_db
NEW = "a brand new password"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: Any) -> None:
    """The mail is written where it is asked for."""

    def run(args: Any, kwargs: Any, **options: Any) -> None:
        deliver.apply(args, kwargs, throw=True)

    monkeypatch.setattr(deliver, "apply_async", run)


def ask(email: str, committed: Any) -> Any:
    with committed(execute=True):
        return APIClient().post("/auth/password-reset", {"email": email}, format="json")


def confirm(code: str, password: str = NEW) -> Any:
    return APIClient().post(
        "/auth/password-reset/confirm", {"token": code, "password": password}, format="json"
    )


def code_in(message: Any) -> str:
    return re.search(r"^\s+([0-9a-f]{32}\.\S+)$", message.body, re.M).group(1)  # type: ignore[union-attr]


def test_the_answer_is_the_same_for_everybody(member: User, committed: Any) -> None:
    make_user("gone", is_active=False)
    answers = [
        ask(email, committed) for email in ("Member@example.com", "nobody@example.com", "gone@example.com")
    ]
    assert {(a.status_code, a.content) for a in answers} == {(202, answers[0].content)}
    assert [message.to for message in mail.outbox] == [["member@example.com"]]


def test_the_code_sets_a_password_once(member: User, committed: Any) -> None:
    pair = session_open(user=member, method="test")
    ask(member.email, committed)
    code = code_in(mail.outbox[0])
    assert confirm(code, "short").status_code == 400
    assert confirm(code, "password123").json()["errors"][0]["field"] == "password"
    assert confirm(code).status_code == 200

    member.refresh_from_db()
    assert (member.check_password(NEW), member.email_verified) == (True, True)
    assert (
        APIClient().post("/auth/refresh", {"refresh_token": pair.refresh}, format="json").status_code == 401
    )
    again = confirm(code, "yet another password")
    assert (again.status_code, again.json()["error"]) == (401, "invalid_token")
    member.refresh_from_db()
    assert member.check_password(NEW)


def test_a_code_is_for_one_person_and_a_short_time(
    member: User, viewer: User, committed: Any, settings: Any
) -> None:
    with time_machine.travel("2026-03-01T00:00:00Z", tick=False) as clock:
        ask(member.email, committed)
        code = code_in(mail.outbox[0])
        for wrong in ("x", ".", viewer.pk.hex + code[32:], code[:-1], f"zz.{code}"):
            assert confirm(wrong).status_code == 401
        User.objects.filter(pk=member.pk).update(is_active=False)
        assert confirm(code).status_code == 401
        User.objects.filter(pk=member.pk).update(is_active=True)
        clock.shift(timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 1))
        assert confirm(code).status_code == 401
    assert User.objects.get(pk=viewer.pk).check_password(PASSWORD)
    assert User.objects.get(pk=member.pk).check_password(PASSWORD)


def test_neither_queue_nor_outbox_holds_the_code(member: User, committed: Any, monkeypatch: Any) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(deliver, "apply_async", lambda *args, **kwargs: sent.append((args, kwargs)))
    ask(member.email, committed)
    delivery = Delivery.objects.get()
    assert sent == [(((), {"delivery_id": str(delivery.pk)}), {"countdown": 0})]
    assert (delivery.state, delivery.target, delivery.tenant) == ("pending", member.email, None)
    assert delivery.payload == {"user_id": str(member.pk)}
    assert not mail.outbox


def test_the_mail_goes_out_while_the_queue_is_away(
    member: User, committed: Any, monkeypatch: Any, settings: Any
) -> None:
    monkeypatch.delattr(deliver, "apply_async")
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    nobody = Connection(f"redis://127.0.0.1:{free_port()}/0", transport_options=options)
    monkeypatch.setattr(deliver.app.amqp, "_producer_pool", producers[nobody])
    monkeypatch.setattr("kombu.utils.functional.sleep", None)  # nobody waits for it
    assert ask(member.email, committed).status_code == 202
    (message,) = mail.outbox
    assert confirm(code_in(message)).status_code == 200

"""Signing in and out with a browser."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.conf import settings
from django.core.cache import caches
from django.test import Client

from accounts import throttles
from accounts.models import AuditEntry, User
from accounts.pages import sign_in
from tests.browser import browser
from tests.builders import PASSWORD

SIGN_IN = "/console/sign-in"


@pytest.fixture(autouse=True)
def one_minute() -> Iterator[None]:
    """Attempts start from none, and no limit's window ends in the middle of a test."""
    caches["local"].clear()
    with time_machine.travel(datetime(2026, 3, 10, 12, 0, 5, tzinfo=UTC), tick=False):
        yield


def attempt(client: Client, account: str, password: str = PASSWORD, **fields: str) -> int:
    return client.post(SIGN_IN, {"account": account, "password": password, **fields}).status_code


def actions() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "actor"))


@pytest.mark.parametrize("account", ["owner@example.com", "OWNER@example.com", "boss"])
def test_email_or_username_opens_a_session(owner: User, account: str) -> None:
    User.objects.filter(pk=owner.pk).update(username="boss")
    client = browser()
    response = client.post(SIGN_IN, {"account": account, "password": PASSWORD})
    assert (response.status_code, response.headers["Location"]) == (302, "/console/")
    assert client.session["_auth_user_id"] == str(owner.pk)
    assert actions() == [("session.opened", "user:owner@example.com")]


def test_the_session_gets_a_new_key_and_careful_cookies(owner: User) -> None:
    client = browser()
    session = client.session
    session["before"] = True
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = old = session.session_key or ""
    attempt(client, owner.email)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie.value not in {"", old}
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_wrong_password_opens_nothing_and_is_audited_without_what_was_typed(owner: User) -> None:
    client = browser()
    response = client.post(SIGN_IN, {"account": owner.email, "password": "wrong-password"})
    assert response.status_code == 200
    assert "do not match" in response.content.decode()
    assert "wrong-password" not in response.content.decode()
    assert "_auth_user_id" not in client.session
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.changes) == ("session.refused", {"method": [None, "browser"]})


def test_a_deactivated_person_stays_out_and_an_open_session_ends(owner: User) -> None:
    inside = browser(owner)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert attempt(browser(), owner.email) == 200
    assert inside.get("/console/").status_code == 302


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/console/keys?x=1", "/console/keys?x=1"),
        ("https://evil.example/", "/console/"),
        ("//evil.example/", "/console/"),
        ("/\\evil.example/", "/console/"),
        ("javascript:alert(1)", "/console/"),
        ("console/keys", "/console/"),
    ],
)
def test_next_leads_to_our_own_paths_only(owner: User, wanted: str, goes: str) -> None:
    response = browser().post(SIGN_IN, {"account": owner.email, "password": PASSWORD, "next": wanted})
    assert response.headers["Location"] == goes


def test_a_wrong_password_forgets_nothing_of_where_one_wanted_to_go(owner: User) -> None:
    wrong = {"account": owner.email, "password": "wrong", "next": "/console/keys?x=1"}
    assert 'name="next" value="/console/keys?x=1"' in browser().post(SIGN_IN, wrong).text


def test_the_form_needs_its_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(SIGN_IN, {"account": owner.email, "password": PASSWORD})
    assert response.status_code == 403
    assert response.headers["Content-Type"].startswith("text/html")
    assert actions() == []


def test_signing_out_takes_a_post(owner: User) -> None:
    client = browser(owner)
    assert client.get("/console/sign-out").status_code == 405
    assert client.get("/console/profile").status_code == 200
    assert client.post("/console/sign-out").headers["Location"] == SIGN_IN
    assert client.get("/console/profile").status_code == 302
    assert actions() == [("session.closed", "user:owner@example.com")]


def test_attempts_are_limited_per_address_and_account(owner: User, member: User) -> None:
    client = browser()
    codes = [attempt(client, owner.email, "wrong") for _ in range(settings.RATE_LIMIT_SIGN_IN)]
    assert set(codes) == {200}
    response = client.post(SIGN_IN, {"account": owner.email.upper(), "password": PASSWORD})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) >= 1
    assert "Too many attempts" in response.content.decode()
    assert attempt(client, member.email) == 302


def test_the_form_and_the_api_share_one_count(owner: User) -> None:
    for _ in range(settings.RATE_LIMIT_SIGN_IN):
        throttles.throttle_sign_in("127.0.0.1", owner.email)
    assert attempt(browser(), owner.email) == 429


def test_one_address_may_not_try_many_accounts(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "PER_ADDRESS", "3/m")
    client = browser()
    assert [attempt(client, f"person-{n}", "wrong") for n in range(4)] == [200, 200, 200, 429]


def test_many_addresses_may_not_try_one_account(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "PER_ACCOUNT", "3/m")
    codes = []
    for n in range(4):
        client = Client(REMOTE_ADDR=f"192.0.2.{n + 1}")
        codes.append(attempt(client, owner.email, "wrong"))
    assert codes == [200, 200, 200, 429]


def test_the_admin_uses_the_same_form(owner: User, staff: User) -> None:
    answer = browser().get("/admin/login/?next=/admin/usage/")
    assert answer.headers["Location"] == f"{SIGN_IN}?next=/admin/usage/"
    assert browser().post("/admin/login/").status_code == 405
    assert browser(owner).get("/admin/", follow=True).status_code == 403
    assert browser(staff).get("/admin/").status_code == 200

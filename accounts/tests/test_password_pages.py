"""The way back in with a browser."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from accounts.models import AuditEntry, Delivery, User
from accounts.services.sending import deliveries_sweep
from tests.browser import Page, browser
from tests.builders import make_user

pytestmark = pytest.mark.django_db
ASK = "/console/forgotten-password"
NEW = "a brand new password"


def ask(client: Client, email: str) -> Any:
    return client.post(ASK, {"email": email})


def link(client: Client, user: User) -> str:
    """The path in the mail that the person gets."""
    ask(client, user.email)
    deliveries_sweep()
    found = re.search(rf"^    {settings.PUBLIC_URL}(/console/\S+)$", str(mail.outbox[-1].body), re.M)
    assert found is not None
    return found.group(1)


def test_the_form_leads_to_it(owner: User) -> None:
    assert f'href="{ASK}"' in browser().get("/console/sign-in").text
    page = Page(browser().get(ASK))
    assert (page.elements["h1"], page.elements["main"], page.blocked) == (1, 1, [])


def test_the_answer_is_the_same_for_everybody(owner: User) -> None:
    make_user("gone", is_active=False)
    emails = (owner.email, "nobody@example.com", "gone@example.com")
    answers = [ask(browser(), email).text.replace(email, "…") for email in emails]
    told = {re.sub(r'(request_id|csrf\w+)" value="\S+"', "", text) for text in answers}
    assert len(told) == 1
    assert "a mail with a link is on its way" in told.pop()
    assert list(Delivery.objects.values_list("target", flat=True)) == [owner.email]


def test_the_mailed_link_sets_a_password_once_and_ends_what_was_open(owner: User) -> None:
    inside, visitor = browser(owner), browser()
    path = link(visitor, owner)
    form = visitor.get(path)
    assert (Page(form).blocked, owner.email in form.text) == ([], True)
    assert form.headers["Cache-Control"].startswith("max-age=0")
    assert "too common" in visitor.post(path, {"password": "password123"}).text
    assert inside.get("/console/profile").status_code == 200
    assert "The new password is set" in visitor.post(path, {"password": NEW}).text
    assert inside.get("/console/profile").status_code == 302
    owner.refresh_from_db()
    assert (owner.check_password(NEW), owner.email_verified) == (True, True)
    assert "_auth_user_id" not in visitor.session
    assert visitor.get(path).status_code == 401
    assert visitor.post(path, {"password": "yet another password"}).status_code == 401
    owner.refresh_from_db()
    assert owner.check_password(NEW)


def test_what_is_no_code_is_told_so_and_changes_nothing(owner: User) -> None:
    path = link(browser(), owner)
    for wrong in ("x", ".", f"{owner.pk.hex}.", f"zz{path.rpartition('.')[2]}", path[-20:]):
        answer = browser().post(f"/console/new-password/{wrong}", {"password": NEW})
        assert (answer.status_code, Page(answer).elements["h1"]) == (401, 1)
    owner.refresh_from_db()
    assert not owner.check_password(NEW)


def test_both_forms_are_counted(owner: User, settings: Any) -> None:
    settings.RATE_LIMIT_SIGN_IN = 2
    client = browser()
    assert [ask(client, owner.email).status_code for _ in range(3)] == [200, 200, 429]
    assert Delivery.objects.count() == 2
    page = f"/console/new-password/{owner.pk.hex}.guess"
    assert [client.get(page).status_code for _ in range(3)] == [401, 401, 429]


def test_both_forms_need_their_csrf_token(owner: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert ask(client, owner.email).status_code == 403
    assert client.post(link(browser(), owner), {"password": NEW}).status_code == 403
    assert not AuditEntry.objects.filter(action="user.password_changed").exists()

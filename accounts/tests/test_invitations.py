"""A mailed link lets in the one who got it, once, and as what was said."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, Delivery, Invitation, Membership, Tenant, User
from accounts.services.sending import deliveries_sweep
from accounts.tests.outbox import START
from tests.browser import Page, browser
from tests.builders import make_user

pytestmark = pytest.mark.django_db
NEW = "a brand new password"
EMAIL = "ada@example.com"


@pytest.fixture(autouse=True)
def today() -> Any:
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def invite(client: Any, email: str = EMAIL, role: str = "member") -> Any:
    return client.post("/tenants/acme/invitations", {"email": email, "role": role})


def code_mailed() -> str:
    """The code of the newest mail."""
    deliveries_sweep()
    found = re.search(r"/console/invitation/(\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found.group(1)


def accept(code: str, **given: str) -> Any:
    return APIClient().post("/auth/invitations/accept", {"token": code, **given}, format="json")


def test_somebody_without_an_account_gets_one_and_is_in(client_for: Any, acme: Tenant, owner: User) -> None:
    sent = invite(client_for(owner), "Ada@Example.com", "viewer")
    assert sent.status_code == 201
    assert (sent.json()["email"], sent.json()["expires_at"]) == (EMAIL, "2026-03-08T10:00:00Z")
    assert Delivery.objects.get().payload == {"invitation_id": sent.json()["id"]}  # and no link
    code = code_mailed()
    assert accept(code).json()["errors"][0]["field"] == "password"
    assert accept(code, password="password").status_code == 400
    assert not User.objects.filter(email=EMAIL).exists()
    answer = accept(code, password=NEW, first_name="Ada")
    assert (answer.status_code, answer.json()["tenant"], answer.json()["role"]) == (200, "acme", "viewer")
    ada = User.objects.get(email=EMAIL)
    assert (ada.first_name, ada.email_verified, ada.check_password(NEW)) == ("Ada", True, True)
    again = accept(code, password="something else entirely")
    assert (again.status_code, again.json()["error"]) == (401, "invalid_token")
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    told = ActivityEntry.objects.for_tenant(acme).order_by("seq").values_list("type", flat=True)
    assert list(told) == ["invitation.sent", "member.added", "invitation.accepted"]


def test_a_person_with_an_account_keeps_their_password(client_for: Any, acme: Tenant, owner: User) -> None:
    ada = make_user("ada", email_verified=True)
    invite(client_for(owner))
    assert accept(code_mailed(), password=NEW).status_code == 200
    before, ada = ada.password, User.objects.get(pk=ada.pk)
    assert (ada.password, Membership.objects.get(user=ada).role) == (before, "member")


def test_an_account_that_never_proved_its_address_is_taken_over(
    client_for: Any, acme: Tenant, owner: User
) -> None:
    """Whoever opened it with somebody else's address is out."""
    squatter = make_user("ada")
    client = client_for(squatter)
    invite(client_for(owner))
    code = code_mailed()
    assert accept(code).status_code == 400
    assert not Membership.objects.filter(user=squatter).exists()
    assert accept(code, password=NEW).status_code == 200
    assert client.get("/auth/me").status_code == 401
    squatter.refresh_from_db()
    assert (squatter.check_password(NEW), squatter.email_verified) == (True, True)


def test_a_link_ends(client_for: Any, acme: Tenant, owner: User, today: Any) -> None:
    admin = client_for(owner)
    invitation = invite(admin).json()["id"]
    code = code_mailed()
    assert accept(code[:-1], password=NEW).status_code == 401
    today.shift(timedelta(days=7))
    assert accept(code, password=NEW).status_code == 401
    admin = client_for(owner)
    assert invite(admin).json()["id"] == invitation  # once more: the same link lives on
    Tenant.objects.update(is_active=False)
    assert accept(code, password=NEW).status_code == 401
    Tenant.objects.update(is_active=True)
    User.objects.create(email=EMAIL, is_active=False, email_verified=True)
    assert accept(code).status_code == 403
    User.objects.filter(email=EMAIL).delete()
    assert admin.delete(f"/tenants/acme/invitations/{invitation}").status_code == 204
    assert admin.delete(f"/tenants/acme/invitations/{invitation}").status_code == 404
    assert accept(code, password=NEW).status_code == 401
    assert not User.objects.filter(email=EMAIL).exists()


def test_no_mail_for_an_invitation_that_was_withdrawn(client_for: Any, acme: Tenant, owner: User) -> None:
    invitation = invite(client_for(owner)).json()["id"]
    client_for(owner).delete(f"/tenants/acme/invitations/{invitation}")
    deliveries_sweep()
    assert (mail.outbox, Delivery.objects.get().state) == ([], "failed")


@pytest.mark.parametrize(
    ("who", "role", "status"),
    [
        ("owner", "owner", 201),
        ("admin_user", "admin", 201),
        ("admin_user", "owner", 403),
        ("member", "viewer", 403),
        ("viewer", "viewer", 403),
        ("stranger", "viewer", 403),
    ],
)
def test_who_may_invite(
    request: pytest.FixtureRequest, client_for: Any, acme: Tenant, who: str, role: str, status: int
) -> None:
    assert invite(client_for(request.getfixturevalue(who)), role=role).status_code == status
    assert (Invitation.objects.count(), Delivery.objects.count()) == ((1, 1) if status == 201 else (0, 0))


def test_members_are_not_invited_and_not_too_many_are(
    client_for: Any, acme: Tenant, owner: User, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.services.invitations.MOST", 1)
    client = client_for(owner)
    assert invite(client, "MEMBER@example.com").status_code == 409
    assert [invite(client, email).status_code for email in (EMAIL, EMAIL, "bob@example.com")] == [
        201,
        201,
        409,
    ]
    assert [row["email"] for row in client.get("/tenants/acme/invitations").json()["items"]] == [EMAIL]


def test_the_pages(acme: Tenant, owner: User) -> None:
    client = browser(owner)
    assert client.post("/console/members/invite", {"email": "x", "role": "member"}).status_code == 200
    client.post("/console/members/invite", {"email": EMAIL, "role": "viewer"})
    shown = client.get("/console/members").content.decode()
    assert f"An invitation is on its way to {EMAIL}." in shown
    page = f"/console/invitation/{code_mailed()}"
    visitor = browser()
    form = visitor.get(page)
    assert (Page(form).elements["h1"], Page(form).blocked, form.headers["Cache-Control"][:7]) == (
        1,
        [],
        "max-age",
    )
    wrong = visitor.post(page, {"password": "12345678"})
    assert "too common" in wrong.content.decode()
    assert "You are in as viewer" in visitor.post(page, {"password": NEW}).content.decode()
    assert visitor.get(page).status_code == 401
    assert Membership.objects.get(user__email=EMAIL).role == "viewer"
    assert EMAIL not in browser(owner).get("/console/members").content.decode().partition("Person</th>")[0]


def test_a_page_withdraws(acme: Tenant, owner: User, member: User) -> None:
    browser(owner).post("/console/members/invite", {"email": EMAIL, "role": "viewer"})
    path = f"/console/members/invitations/{Invitation.objects.get().pk}/withdraw"
    assert browser(member).post(path).status_code == 403
    assert browser(owner).post(path).status_code == 302
    assert Invitation.objects.get().withdrawn_at is not None

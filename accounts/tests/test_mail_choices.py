"""What people want no mail about, they get none about; their account's mails come always."""

import re
from typing import Any

import pytest
from django.core import mail, signing
from django.db import transaction

from accounts.models import AuditEntry, Delivery, MailKind, MailRefusal, Membership, Tenant, User
from accounts.principals import user_principal
from accounts.services.deliveries import notify
from accounts.services.mail_choices import SALT
from accounts.services.sending import deliveries_sweep
from accounts.services.users import user_update
from accounts.tests.test_mail_texts import ALERT
from tests.browser import Page, browser
from tests.builders import PASSWORD

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
ALL = {"alerts": True, "approvals": True, "digest": True}


def alert(tenant: Tenant, *to: str, kind: MailKind = MailKind.ALERTS) -> list[str]:
    """Tell the addresses; those that a mail was written for."""
    with transaction.atomic():
        told = notify(tenant=tenant, type="alert.raised", to=to, payload=ALERT, kind=kind)
    return [delivery.target for delivery in told]


def link_in(message: Any) -> str:
    found = re.search(r"No more of these mails: https?://[^/]+(\S+)", message.body)
    assert found is not None
    return found.group(1)


def test_a_refused_kind_is_not_sent(acme: Tenant, rival: Tenant) -> None:
    MailRefusal.objects.create(tenant=acme, address="ada@example.com", kind="alerts")
    to = ("Ada@Example.com", "bob@example.com")
    assert alert(acme, *to) == ["bob@example.com"]
    assert alert(rival, *to) == list(to)
    assert alert(acme, *to, kind=MailKind.DIGEST) == list(to)


def test_one_click_stops_the_mails_of_one_tenant_and_kind(acme: Tenant, rival: Tenant) -> None:
    """Without signing in, without a CSRF token, and without an account of the address."""
    alert(acme, "Ops@example.com")
    deliveries_sweep()
    link = link_in(mail.outbox[0])
    visitor = browser()
    visitor.handler.enforce_csrf_checks = True
    page = visitor.get(link)
    assert (page.status_code, Page(page).blocked, Page(page).elements["form"]) == (200, [], 1)
    assert MailRefusal.objects.count() == 0  # a scanner that follows links stops nothing
    for _ in range(2):
        answer = visitor.post(
            link, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code == 200
    (refusal,) = MailRefusal.objects.all()
    assert (refusal.tenant, refusal.address, refusal.kind) == (acme, "ops@example.com", "alerts")
    assert alert(acme, "ops@example.com") == []
    assert alert(rival, "ops@example.com") == ["ops@example.com"]
    (entry,) = AuditEntry.objects.filter(action="mail.chosen")
    assert (entry.actor, entry.tenant, entry.changes) == ("anonymous", acme, {"alerts": [True, False]})


@pytest.mark.parametrize("how", ["cut", "other salt", "nonsense"])
def test_a_link_of_somebody_else_does_nothing(acme: Tenant, how: str) -> None:
    told = [acme.pk.hex, "alerts", "ops@example.com"]
    token = {
        "cut": signing.dumps(told, salt=SALT)[:-3],
        "other salt": signing.dumps(told, salt="accounts.other"),
        "nonsense": "x",
    }[how]
    for method in ("get", "post"):
        assert getattr(browser(), method)(f"/console/unsubscribe/{token}").status_code == 401
    assert not MailRefusal.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "guest"])
def test_preferences_are_the_persons_own_in_each_tenant(
    client_for: Any, acme: Tenant, viewer: User, role: str
) -> None:
    Membership.objects.update(role=role)
    client = client_for(viewer)
    assert client.get("/mail-preferences").json() == ALL
    assert client.patch("/mail-preferences", {"digest": False}).json() == ALL | {"digest": False}
    assert alert(acme, viewer.email, kind=MailKind.DIGEST) == []
    assert client.patch("/mail-preferences", {"digest": True, "alerts": False}).json() == ALL | {
        "alerts": False
    }
    assert alert(acme, viewer.email, kind=MailKind.DIGEST) == [viewer.email]
    assert client.patch("/mail-preferences", {"digest": "maybe"}).status_code == 400
    assert client.patch("/mail-preferences", {"account": False}).json() == ALL | {"alerts": False}


def test_keys_and_strangers_have_no_mail(client_for: Any, acme: Tenant, key: Any, stranger: User) -> None:
    assert client_for(key("admin")).get("/mail-preferences").status_code == 403
    assert (
        client_for(stranger, x_tenant_id="acme").patch("/mail-preferences", {"digest": False}).status_code
        == 403
    )
    assert not MailRefusal.objects.exists()


def test_the_profile_page_chooses(acme: Tenant, viewer: User) -> None:
    client = browser(viewer)
    assert client.get("/console/profile").content.decode().count("checked") == 3
    saved = client.post("/console/profile/mail", {"alerts": "on"})
    assert saved.headers["Location"] == "/console/profile"
    refused = set(MailRefusal.objects.values_list("address", "kind"))
    assert refused == {(viewer.email, "approvals"), (viewer.email, "digest")}
    assert client.get("/console/profile").content.decode().count("checked") == 1


def test_choices_go_with_a_person_to_a_new_address(acme: Tenant, member: User) -> None:
    for address, kind in ((member.email, "alerts"), (member.email, "digest"), ("new@example.com", "digest")):
        MailRefusal.objects.create(tenant=acme, address=address, kind=kind)
    changes = {"email": "New@example.com", "current_password": PASSWORD}
    user_update(by=user_principal(member), user=member, changes=changes)
    assert alert(acme, "new@example.com") == []
    assert alert(acme, "member@example.com", kind=MailKind.ALERTS) == ["member@example.com"]


def test_what_a_delivery_is_about_is_kept_with_it(acme: Tenant) -> None:
    alert(acme, "ops@example.com")
    assert Delivery.objects.get().mail_kind == "alerts"

"""The back office: every page opens, writes go by services."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.keyring import keyring
from accounts.models import (
    ActivityCounter,
    ActivityEntry,
    ApiKey,
    AuditEntry,
    Delivery,
    Digest,
    FederatedIdentity,
    IdempotentCall,
    Invitation,
    MailRefusal,
    Membership,
    RefreshToken,
    RetentionPolicy,
    Tenant,
    User,
    Webhook,
)
from tests.builders import make_key, make_tenant, make_user

pytestmark = pytest.mark.django_db


def _tenant_with(number: int) -> Tenant:
    return make_tenant(f"t{number}-{uuid.uuid4().hex[:8]}")


def _person() -> User:
    return make_user(uuid.uuid4().hex[:12])


MAKERS: dict[type[Model], Callable[[int], Any]] = {
    User: lambda n: _person(),
    Tenant: _tenant_with,
    Membership: lambda n: Membership.objects.create(tenant=_tenant_with(n), user=_person(), role="member"),
    ApiKey: lambda n: make_key(_tenant_with(n), "read", user=_person())[0],
    RefreshToken: lambda n: RefreshToken.objects.create(
        user=_person(), family=uuid.uuid4(), expires_at=timezone.now()
    ),
    FederatedIdentity: lambda n: FederatedIdentity.objects.create(
        issuer="https://i", subject=str(n), user=_person()
    ),
    AuditEntry: lambda n: AuditEntry.objects.create(tenant=_tenant_with(n), actor="system", action="x.y"),
    ActivityEntry: lambda n: ActivityEntry.objects.create(
        tenant=_tenant_with(n), seq=1, type="x.y", ts=timezone.now()
    ),
    IdempotentCall: lambda n: IdempotentCall.objects.create(
        pk=uuid.uuid4().hex, tenant=_tenant_with(n), actor="system", started_at=timezone.now()
    ),
    ActivityCounter: lambda n: ActivityCounter.objects.create(tenant=_tenant_with(n)),
    Webhook: lambda n: Webhook.objects.create(tenant=_tenant_with(n), url="https://example.com"),
    Invitation: lambda n: Invitation.objects.create(
        tenant=_tenant_with(n), email=f"i{n}@example.com", role="viewer", expires_at=timezone.now()
    ),
    RetentionPolicy: lambda n: RetentionPolicy.objects.create(tenant=_tenant_with(n), activity_days=7),
    Digest: lambda n: Digest.objects.create(tenant=_tenant_with(n), week="2026-03-02"),
    MailRefusal: lambda n: MailRefusal.objects.create(
        tenant=_tenant_with(n), address="a@example.com", kind="digest"
    ),
    Delivery: lambda n: Delivery.objects.create(
        tenant=_tenant_with(n), kind="mail", target="a@example.com", event_type="x.y"
    ),
}


@pytest.fixture
def office(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def page(model: type[Model], name: str, *args: Any) -> str:
    return reverse(f"admin:accounts_{model._meta.model_name}_{name}", args=args)


def test_every_model_of_the_room_is_here() -> None:
    ours = {m for m in admin.site._registry if m._meta.app_label == "accounts"}
    assert ours == set(MAKERS)


@pytest.mark.every_case
@pytest.mark.parametrize("model", MAKERS)
def test_pages_open_and_search_answers(office: Client, model: type[Model]) -> None:
    row = MAKERS[model](0)
    assert office.get(page(model, "change", row.pk)).status_code == 200
    may_add = admin.site._registry[model].search_fields and model in {
        User,
        Tenant,
        Membership,
        ApiKey,
        Webhook,
        RetentionPolicy,
    }
    assert office.get(page(model, "add")).status_code == (200 if may_add else 403)
    assert office.get(page(model, "changelist"), {"q": "x"}).status_code == 200
    assert office.get(page(model, "delete", row.pk)).status_code == 403


def test_a_key_is_shown_once(office: Client, acme: Tenant, client_for: Any) -> None:
    form = {"tenant": acme.pk, "name": "office", "scopes": ["read", "ingest"]}
    answer = office.post(page(ApiKey, "add"), form)
    row = ApiKey.objects.get()
    text = answer.content.decode().partition('<code id="secret">')[2].partition("</code>")[0]
    assert "no-store" in answer["Cache-Control"]
    assert "messages" not in answer.cookies
    assert text not in str(answer.cookies) + str(dict(office.session))
    assert client_for(text).get("/auth/me").json()["scopes"] == ["ingest", "read"]
    for path in (page(ApiKey, "changelist"), page(ApiKey, "change", row.pk)):
        content = office.get(path).content.decode()
        assert text not in content
        assert row.key_hash not in content
    assert AuditEntry.objects.get(action="api_key.created").actor == "user:staff@example.com"


def test_a_keys_own_limit_is_set_here(office: Client, acme: Tenant) -> None:
    row, text = make_key(acme, "read")
    assert keyring.principal(text).rate_limit is None
    office.post(page(ApiKey, "change", row.pk), {"name": "renamed", "rate_limit": "5", "scopes": ["admin"]})
    row.refresh_from_db()
    assert (row.name, row.rate_limit, row.scopes) == ("renamed", 5, ["read"])
    assert AuditEntry.objects.get(action="api_key.updated").changes["rate_limit"] == [None, 5]
    refused = office.post(page(ApiKey, "change", row.pk), {"name": "renamed", "rate_limit": "0"})
    assert "greater than or equal to 1" in refused.content.decode()
    row.refresh_from_db()
    assert row.rate_limit == 5


def act(office: Client, model: type[Model], action: str, *rows: Any) -> tuple[Any, Any]:
    """The question that an action asks first, and what came of yes."""
    form: dict[str, Any] = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
    question = office.post(page(model, "changelist"), form)
    answer = office.post(page(model, "changelist"), {**form, "confirmed": "yes"}, follow=True)
    return question, answer


def test_keys_are_revoked_after_a_question(
    office: Client, acme: Tenant, client_for: Any, committed: Any
) -> None:
    row, text = make_key(acme, "read")
    assert client_for(text).get("/auth/me").status_code == 200
    form = {"action": "revoke", ACTION_CHECKBOX_NAME: [row.pk]}
    assert b"Yes, I" in office.post(page(ApiKey, "changelist"), form).content
    row.refresh_from_db()
    assert row.revoked_at is None
    with committed(execute=True):
        act(office, ApiKey, "revoke", row)
    assert client_for(text).get("/auth/me").status_code == 401


def test_people_are_deactivated_and_let_in_again(office: Client, member: User, client_for: Any) -> None:
    question, _ = act(office, User, "deactivate", member)
    assert member.email in question.content.decode()
    member.refresh_from_db()
    assert (member.is_active, member.deactivated_at is None) == (False, False)
    assert client_for(member).get("/auth/me").status_code == 401
    act(office, User, "activate", member)
    assert client_for(member).get("/auth/me").status_code == 200


def test_a_refusal_is_a_message_and_nothing_is_done(office: Client, owner: User, member: User) -> None:
    _, answer = act(office, User, "deactivate", member, owner)
    assert "Nothing was done. This is the last active owner" in answer.content.decode()
    assert User.objects.filter(is_active=True).count() == 3
    membership = Membership.objects.get(user=owner)
    answer = office.post(page(Membership, "change", membership.pk), {"role": "viewer"}, follow=True)
    assert "This is the last active owner" in answer.content.decode()
    membership.refresh_from_db()
    assert membership.role == "owner"


def test_people_tenants_and_members_are_written_by_services(office: Client, acme: Tenant) -> None:
    office.post(page(User, "add"), {"email": "New@Example.com", "username": "", "timezone": "UTC"})
    user = User.objects.get(email="new@example.com")
    assert (user.username, user.has_usable_password()) == (None, False)
    office.post(
        page(User, "change", user.pk), {"email": user.email, "first_name": "Nora", "timezone": "Europe/Rome"}
    )
    form = {"slug": "nova", "name": "Nova", "timezone": "UTC", "currency": "EUR", "cors_origins": "[]"}
    office.post(page(Tenant, "add"), form)
    nova = Tenant.objects.get(slug="nova")
    office.post(page(Tenant, "change", nova.pk), {**form, "slug": "x", "rate_limit": "9"})
    office.post(page(Membership, "add"), {"tenant": nova.pk, "user": user.pk, "role": "admin"})
    user.refresh_from_db()
    nova.refresh_from_db()
    assert (user.first_name, user.timezone) == ("Nora", "Europe/Rome")
    assert (nova.slug, nova.rate_limit, nova.is_active) == ("nova", 9, False)
    assert Membership.objects.get(user=user).role == "admin"
    act(office, Membership, "remove", Membership.objects.get(user=user))
    assert not Membership.objects.exists()
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "user.created", "user.updated", "tenant.created", "tenant.updated", "member.added", "member.removed",
    ]  # fmt: skip


def test_a_tenants_owner_has_no_back_office(owner: User) -> None:
    client = Client()
    client.force_login(owner)
    assert client.get(page(User, "changelist")).status_code == 302

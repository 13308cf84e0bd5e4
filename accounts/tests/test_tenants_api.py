"""Tenants and their members."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, Membership, Tenant, User
from tests.builders import make_key, make_user

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
Key = Callable[..., str]


def slugs(answer: Any) -> list[str]:
    return [item["slug"] for item in answer.json()["items"]]


def test_everybody_lists_their_own(
    client_for: Client, key: Key, viewer: User, stranger: User, staff: User, acme: Tenant
) -> None:
    Tenant.objects.filter(slug="rival").update(is_active=False)
    for who in (viewer, key("read")):
        assert slugs(client_for(who).get("/tenants")) == ["acme"]
    assert slugs(client_for(stranger).get("/tenants")) == []
    assert slugs(client_for(staff).get("/tenants")) == ["acme", "rival"]
    assert client_for(None).get("/tenants").status_code == 401


def test_a_tenant_is_found_by_slug_and_uuid(client_for: Client, viewer: User, acme: Tenant) -> None:
    for name in ("acme", str(acme.pk)):
        answer = client_for(viewer).get(f"/tenants/{name}")
        assert (answer.status_code, answer.json()["id"]) == (200, str(acme.pk))


def test_a_tenant_of_others_is_403_whether_it_exists_or_not(
    client_for: Client, key: Key, member: User, rival: Tenant
) -> None:
    for who in (member, key("admin")):
        for name in ("rival", str(rival.pk), "nowhere"):
            assert client_for(who).get(f"/tenants/{name}").status_code == 403
            assert client_for(who).patch(f"/tenants/{name}", {"name": "X"}).status_code == 403
            assert client_for(who).get(f"/tenants/{name}/members").status_code == 403
    rival.refresh_from_db()
    assert rival.name == "Rival"


def test_platform_staff_create_a_tenant_with_its_owner(client_for: Client, staff: User, member: User) -> None:
    body = {"slug": "nova", "name": "Nova", "currency": "EUR", "rate_limit": 50, "owner_email": member.email}
    answer = client_for(staff).post("/tenants", body, format="json")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["currency"], answer.json()["rate_limit"], answer.json()["is_active"]) == (
        "EUR",
        50,
        True,
    )
    assert Membership.objects.get(tenant__slug="nova").user == member
    assert (
        client_for(staff).post("/tenants", {"slug": "nova", "name": "Again"}, format="json").status_code
        == 409
    )
    assert client_for(staff).get("/tenants/nowhere").status_code == 404


def test_nobody_else_creates_a_tenant(client_for: Client, key: Key, owner: User) -> None:
    for who in (owner, key("admin")):
        assert (
            client_for(who).post("/tenants", {"slug": "nova", "name": "Nova"}, format="json").status_code
            == 403
        )
    assert Tenant.objects.count() == 1


def test_an_admin_changes_the_tenant_but_not_its_limits(
    client_for: Client, key: Key, member: User, acme: Tenant
) -> None:
    admin = client_for(key("admin"))
    body = {"name": "Acme Ltd", "cors_origins": ["https://app.example.com"], "is_active": False, "slug": "x"}
    answer = admin.patch("/tenants/acme", body, format="json")
    assert (answer.status_code, answer.json()["name"]) == (200, "Acme Ltd")
    assert admin.patch("/tenants/acme", {"rate_limit": 10**9}, format="json").status_code == 403
    assert client_for(member).patch("/tenants/acme", {"name": "Mine"}, format="json").status_code == 403
    acme.refresh_from_db()
    assert (acme.name, acme.slug, acme.is_active, acme.rate_limit) == ("Acme Ltd", "acme", True, None)
    assert acme.cors_origins == ["https://app.example.com"]
    assert ActivityEntry.objects.get(tenant=acme).type == "tenant.updated"


def test_staff_set_its_limits(client_for: Client, staff: User, acme: Tenant) -> None:
    assert (
        client_for(staff).patch("/tenants/acme", {"rate_limit": 9}, format="json").json()["rate_limit"] == 9
    )
    refused = client_for(staff).patch("/tenants/acme", {"rate_limit": 0}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "rate_limit")
    acme.refresh_from_db()
    assert acme.rate_limit == 9


@pytest.mark.parametrize(
    "change",
    [
        {"currency": "euro"},
        {"timezone": "Mars/Base"},
        {"cors_origins": ["https://a.example/path"]},
        {"name": ""},
    ],
)
def test_what_does_not_fit_is_400(client_for: Client, owner: User, change: dict[str, Any]) -> None:
    answer = client_for(owner).patch("/tenants/acme", change, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(next(iter(change)))


def test_an_admin_lets_people_in_and_out(client_for: Client, owner: User, acme: Tenant) -> None:
    guest = make_user("guest")
    client = client_for(owner)
    added = client.post(
        "/tenants/acme/members", {"email": "GUEST@example.com", "role": "viewer"}, format="json"
    )
    assert (added.status_code, added.json()["role"], added.json()["email"]) == (
        201,
        "viewer",
        "guest@example.com",
    )
    assert client.post("/tenants/acme/members", {"user_id": str(guest.pk)}, format="json").status_code == 409
    assert [m["email"] for m in client.get("/tenants/acme/members").json()["items"]] == [
        "owner@example.com", "guest@example.com",
    ]  # fmt: skip
    path = f"/tenants/{acme.pk}/members/{guest.pk}"
    assert client.patch(path, {"role": "admin"}, format="json").json()["role"] == "admin"
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404
    types = list(ActivityEntry.objects.order_by("seq").values_list("type", flat=True))
    assert types == ["member.added", "member.role_changed", "member.removed"]


def test_who_has_no_account_is_404(client_for: Client, owner: User) -> None:
    make_user("gone", is_active=False)
    for email in ("nobody@example.com", "gone@example.com"):
        answer = client_for(owner).post("/tenants/acme/members", {"email": email}, format="json")
        assert answer.status_code == 404
    assert (
        client_for(owner).post("/tenants/acme/members", {"role": "viewer"}, format="json").status_code == 400
    )


def test_members_manage_no_members(client_for: Client, key: Key, member: User, viewer: User) -> None:
    for who in (member, viewer, key("write")):
        client = client_for(who)
        assert client.get("/tenants/acme/members").status_code == 403
        assert client.post("/tenants/acme/members", {"user_id": str(viewer.pk)}).status_code == 403
        assert client.patch(f"/tenants/acme/members/{member.pk}", {"role": "owner"}).status_code == 403
        assert client.delete(f"/tenants/acme/members/{viewer.pk}").status_code == 403
    assert Membership.objects.get(user=member).role == "member"


def test_an_admin_makes_and_unmakes_no_owner(
    client_for: Client, key: Key, owner: User, admin_user: User, member: User, acme: Tenant
) -> None:
    make_user("second", acme, "owner")
    for who in (admin_user, key("admin")):
        client = client_for(who)
        assert client.patch(f"/tenants/acme/members/{admin_user.pk}", {"role": "owner"}).status_code == 403
        assert client.patch(f"/tenants/acme/members/{owner.pk}", {"role": "viewer"}).status_code == 403
        assert client.delete(f"/tenants/acme/members/{owner.pk}").status_code == 403
    assert client_for(owner).patch(f"/tenants/acme/members/{member.pk}", {"role": "owner"}).status_code == 200


def test_the_last_active_owner_keeps_the_role(
    client_for: Client, owner: User, staff: User, acme: Tenant
) -> None:
    make_user("former", acme, "owner", is_active=False)
    for who in (owner, staff):
        path = f"/tenants/acme/members/{owner.pk}"
        assert client_for(who).patch(path, {"role": "admin"}, format="json").status_code == 409
        assert client_for(who).delete(path).status_code == 409
    assert Membership.objects.get(user=owner).role == "owner"


def test_personal_tokens_end_with_the_role_that_carried_them(
    client_for: Client, owner: User, member: User, acme: Tenant, rival: Tenant, committed: Any
) -> None:
    Membership.objects.create(tenant=rival, user=member, role="member")
    strong, weak = make_key(acme, "write", user=member), make_key(acme, "read", user=member)
    elsewhere = make_key(rival, "write", user=member)

    def alive() -> list[bool]:
        return [client_for(text).get("/auth/me").status_code == 200 for _, text in (strong, weak, elsewhere)]

    assert alive() == [True, True, True]
    path = f"/tenants/acme/members/{member.pk}"
    with committed(execute=True):
        client_for(owner).patch(path, {"role": "viewer"}, format="json")
    assert alive() == [False, True, True]
    with committed(execute=True):
        client_for(owner).delete(path)
    assert alive() == [False, False, True]
    assert client_for(member).get("/users/me").status_code == 200
    assert client_for(member, x_tenant_id="acme").get("/activity").status_code == 403


def test_a_member_elsewhere_is_no_member_here(client_for: Client, owner: User, stranger: User) -> None:
    path = f"/tenants/acme/members/{stranger.pk}"
    assert client_for(owner).patch(path, {"role": "viewer"}, format="json").status_code == 404
    assert client_for(owner).delete(path).status_code == 404
    assert Membership.objects.get(user=stranger).role == "owner"


def test_a_key_that_only_sends_reads_no_tenant(client_for: Client, key: Key) -> None:
    for scope in ("ingest", "build"):
        answer = client_for(key(scope)).get("/tenants")
        assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
        assert client_for(key(scope)).get("/auth/me").status_code == 200
    assert client_for(key("read")).get("/tenants").json()["items"][0]["slug"] == "acme"


@pytest.mark.parametrize("path", ["/tenants/%00", "/users?tenant_id=%00", "/activity?tenant_id=acme%00"])
def test_a_name_with_a_nul_names_no_tenant(client_for: Client, staff: User, acme: Tenant, path: str) -> None:
    answer = client_for(staff).get(path)
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")

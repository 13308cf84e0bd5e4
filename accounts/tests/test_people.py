"""Who may see, create, change and deactivate whom."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, ApiKey, AuditEntry, Membership, Tenant, User
from tests.builders import PASSWORD, make_key, make_user

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
Key = Callable[..., str]

NEW = {"username": "newcomer", "email": "New@Example.com", "password": "a long enough one"}


def emails(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["email"] for item in answer.json()["items"]]


def test_an_admin_lists_the_members_and_nobody_else(
    client_for: Client, key: Key, owner: User, admin_user: User, member: User, stranger: User
) -> None:
    acme = ["admin@example.com", "member@example.com", "owner@example.com"]
    for who in (owner, admin_user, key("admin")):
        assert emails(client_for(who).get("/users")) == acme
    assert emails(client_for(stranger).get("/users")) == ["stranger@example.com"]


def test_platform_staff_list_everybody_or_one_tenant(
    client_for: Client, staff: User, member: User, stranger: User
) -> None:
    assert len(emails(client_for(staff).get("/users"))) == 3
    assert emails(client_for(staff).get("/users?tenant_id=acme")) == ["member@example.com"]


def test_members_do_not_list_or_create(client_for: Client, key: Key, member: User, viewer: User) -> None:
    for who in (member, viewer, key("write"), key("ingest")):
        assert client_for(who).get("/users").status_code == 403
        assert client_for(who).post("/users", NEW, format="json").status_code == 403
    assert client_for(None).get("/users").status_code == 401
    assert User.objects.count() == 2


def test_an_admin_creates_a_member(client_for: Client, owner: User, acme: Tenant) -> None:
    answer = client_for(owner).post(
        "/users", {**NEW, "first_name": "Nora", "employee_id": "E7"}, format="json"
    )
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["status"], body["username"], body["email"]) == ("created", "newcomer", "new@example.com")
    assert (body["first_name"], body["employee_id"]) == ("Nora", "E7")
    member = Membership.objects.get(user_id=body["id"])
    assert (member.tenant, member.role) == (acme, "member")
    assert {"user.created", "member.added"} <= set(AuditEntry.objects.values_list("action", flat=True))
    assert "a long enough one" not in answer.content.decode()


def test_a_key_with_admin_creates_but_makes_no_owner(client_for: Client, key: Key) -> None:
    client = client_for(key("admin"))
    assert client.post("/users", {**NEW, "role": "owner"}, format="json").status_code == 403
    assert not User.objects.exists()
    assert client.post("/users", {**NEW, "role": "admin"}, format="json").status_code == 201


def test_nobody_writes_power_into_an_account(client_for: Client, owner: User, member: User) -> None:
    power = {"is_staff": True, "email_verified": True, "groups": [1], "user_permissions": [1]}
    created = client_for(owner).post("/users", {**NEW, **power}, format="json")
    assert created.status_code == 201
    assert client_for(owner).patch(f"/users/{member.pk}", power, format="json").status_code == 200
    assert (
        client_for(member).patch("/users/me", {**power, "first_name": "M"}, format="json").status_code == 200
    )
    assert not User.objects.filter(is_staff=True).exists()
    assert not User.objects.filter(email_verified=True).exists()
    for answer in (
        client_for(owner).post(
            "/users", {**NEW, "email": "x@example.com", "username": "x1", "is_superuser": True}
        ),
        client_for(owner).patch(f"/users/{member.pk}", {"is_superuser": True}, format="json"),
        client_for(owner).patch("/users/me", {"is_superuser": True}, format="json"),
        client_for(member).put("/users/me", {"is_superuser": True}, format="json"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.parametrize("name", ["email", "username"])
def test_what_is_taken_is_409(client_for: Client, owner: User, name: str) -> None:
    make_user("taken", username="taken")
    body = {**NEW, name: {"email": "TAKEN@example.com", "username": "Taken"}[name]}
    assert client_for(owner).post("/users", body, format="json").status_code == 409


def test_a_person_sees_themself_in_any_tenant_or_none(client_for: Client, member: User) -> None:
    loner = make_user("loner")
    for who in (member, loner):
        for name in ("me", str(who.pk)):
            answer = client_for(who).get(f"/users/{name}")
            assert (answer.status_code, answer.json()["id"]) == (200, str(who.pk))
            assert client_for(who).get(f"/users/{name}/profile").json()["user_id"] == str(who.pk)


def test_others_are_404_to_admins_elsewhere_and_403_to_members(
    client_for: Client, member: User, viewer: User, stranger: User
) -> None:
    for path in ("", "/profile", "/tokens"):
        assert client_for(stranger).get(f"/users/{member.pk}{path}").status_code == 404
        assert client_for(viewer).get(f"/users/{member.pk}{path}").status_code == 403
    assert client_for(stranger).patch(f"/users/{member.pk}", {"first_name": "X"}).status_code == 404
    assert client_for(stranger).delete(f"/users/{member.pk}").status_code == 404
    assert client_for(stranger).get("/users/not-a-uuid").status_code == 404
    assert client_for(stranger).get("/users?tenant_id=acme").status_code == 403
    member.refresh_from_db()
    assert (member.first_name, member.is_active) == ("", True)


def test_a_person_changes_their_profile(client_for: Client, member: User) -> None:
    body = {"first_name": "Mia", "timezone": "Europe/Berlin", "username": "mia"}
    answer = client_for(member).patch("/users/me", body, format="json")
    assert (answer.status_code, answer.json()["status"], answer.json()["user_id"]) == (
        200,
        "updated",
        str(member.pk),
    )
    member.refresh_from_db()
    assert (member.first_name, member.timezone, member.username) == ("Mia", "Europe/Berlin", "mia")
    assert client_for(member).patch("/users/me", {"timezone": "Mars/Base"}, format="json").status_code == 400
    entry = AuditEntry.objects.get(action="user.updated")
    assert entry.changes["first_name"] == ["", "Mia"]


@pytest.mark.parametrize("change", [{"email": "new@example.com"}, {"password": "another fine one"}])
def test_ones_own_credentials_need_the_present_password(
    client_for: Client, member: User, change: dict[str, str]
) -> None:
    client = client_for(member)
    for wrong in ({}, {"current_password": "wrong"}):
        answer = client.patch("/users/me", {**change, **wrong}, format="json")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "current_password"
    member.refresh_from_db()
    assert (member.email, member.check_password(PASSWORD)) == ("member@example.com", True)

    User.objects.update(email_verified=True)
    assert (
        client.patch("/users/me", {**change, "current_password": PASSWORD}, format="json").status_code == 200
    )
    member.refresh_from_db()
    assert member.email_verified is ("email" not in change)
    assert member.check_password(change.get("password", PASSWORD))


def test_an_admin_changes_the_profile_of_a_member(client_for: Client, admin_user: User, member: User) -> None:
    body = {"email": member.email, "first_name": "Mia", "job_title": "Engineer", "is_active": True}
    assert client_for(admin_user).put(f"/users/{member.pk}", body, format="json").status_code == 200
    member.refresh_from_db()
    assert (member.first_name, member.job_title) == ("Mia", "Engineer")


def test_the_platform_changes_what_anybody_signs_in_with(
    client_for: Client, staff: User, member: User
) -> None:
    body = {"email": "renamed@example.com", "username": "renamed", "password": "given by the platform"}
    assert client_for(staff).put(f"/users/{member.pk}", body, format="json").status_code == 200
    member.refresh_from_db()
    assert (member.email, member.username) == ("renamed@example.com", "renamed")
    assert member.check_password("given by the platform")


CHANGES: list[dict[str, Any]] = [
    {"email": "mine@example.com"},
    {"password": "now it is mine"},
    {"username": "mine"},
    {"is_active": False},
]


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_is_taken_over_by_being_made_a_member(
    client_for: Client, key: Key, owner: User, change: dict[str, Any]
) -> None:
    loner = make_user("loner")
    added = client_for(owner).post("/tenants/acme/members", {"email": loner.email}, format="json")
    assert added.status_code == 201
    before = User.objects.filter(pk=loner.pk).values().get()
    for who in (owner, key("admin")):
        answer = client_for(who).patch(f"/users/{loner.pk}", change, format="json")
        assert (answer.status_code, answer.json()["error"]) == (403, "permission_denied")
        assert client_for(who).delete(f"/users/{loner.pk}").status_code == 403
    assert User.objects.filter(pk=loner.pk).values().get() == before
    assert client_for(owner).delete(f"/tenants/acme/members/{loner.pk}").status_code == 204


@pytest.mark.parametrize("change", [*CHANGES, {"first_name": "X"}])
def test_nobody_is_taken_over_who_also_belongs_elsewhere(
    client_for: Client, owner: User, rival: Tenant, acme: Tenant, change: dict[str, Any]
) -> None:
    shared = make_user("shared", acme)
    Membership.objects.create(tenant=rival, user=shared, role="member")
    colleague = make_user("colleague", acme, is_staff=True)
    for victim in (shared, colleague):
        before = User.objects.filter(pk=victim.pk).values().get()
        assert client_for(owner).patch(f"/users/{victim.pk}", change, format="json").status_code == 403
        assert client_for(owner).delete(f"/users/{victim.pk}").status_code == 403
        assert User.objects.filter(pk=victim.pk).values().get() == before


def test_an_address_of_the_platforms_own_domain_is_not_taken_over(
    client_for: Client, owner: User, acme: Tenant, settings: Any
) -> None:
    settings.ADMIN_EMAIL_DOMAINS = ["platform.example"]
    make_user("boss", acme, email="boss@platform.example", email_verified=True)
    boss = User.objects.get(email="boss@platform.example")
    assert client_for(owner).patch(f"/users/{boss.pk}", {"password": "mine, all mine"}).status_code == 403
    # Nor does anybody become platform by writing such an address into their own account.
    body = {"email": "me@platform.example", "current_password": PASSWORD}
    assert client_for(owner).patch("/users/me", body, format="json").status_code == 200
    assert client_for(owner).get("/auth/admin-ping").status_code == 403


@pytest.mark.parametrize("change", [*CHANGES, {"first_name": "X"}])
def test_an_admin_does_not_touch_an_owner(
    client_for: Client, key: Key, owner: User, admin_user: User, acme: Tenant, change: dict[str, Any]
) -> None:
    make_user("second", acme, "owner")
    for who in (admin_user, key("admin")):
        assert client_for(who).patch(f"/users/{owner.pk}", change, format="json").status_code == 403
        assert client_for(who).delete(f"/users/{owner.pk}").status_code == 403


def test_deactivation_ends_everything_and_stays_readable(
    client_for: Client, staff: User, owner: User, member: User, acme: Tenant, committed: Any
) -> None:
    own_key, own_text = make_key(acme, "read", user=member)
    shared_key, shared_text = make_key(acme, "read", created_by=member)
    assert client_for(own_text).get("/activity").status_code == 200

    with committed(execute=True):
        answer = client_for(staff).delete(f"/users/{member.pk}")
    assert (answer.status_code, answer.json()["status"], answer.json()["is_active"]) == (
        200,
        "deactivated",
        False,
    )

    assert client_for(own_text).get("/activity").status_code == 401
    assert client_for(shared_text).get("/activity").status_code == 200
    assert client_for(member).get("/auth/me").status_code == 401
    for path in ("", "/profile"):
        body = client_for(owner).get(f"/users/{member.pk}{path}").json()
        assert body["is_active"] is False
        assert body["deactivated_at"] is not None
    own_key.refresh_from_db()
    shared_key.refresh_from_db()
    assert own_key.revoked_at is not None
    assert shared_key.revoked_at is None
    assert ActivityEntry.objects.filter(tenant=acme, type="user.deactivated").count() == 1

    assert (
        client_for(staff).put(f"/users/{member.pk}", {"is_active": True}, format="json").json()["is_active"]
        is True
    )
    assert client_for(member).get("/auth/me").status_code == 200
    assert client_for(own_text).get("/activity").status_code == 401


def test_the_last_active_owner_stays(client_for: Client, staff: User, owner: User, acme: Tenant) -> None:
    second = make_user("second", acme, "owner")
    assert client_for(staff).delete(f"/users/{owner.pk}").status_code == 200
    for who in (staff, second):
        for answer in (
            client_for(who).delete(f"/users/{second.pk}"),
            client_for(who).patch(f"/users/{second.pk}", {"is_active": False}, format="json"),
        ):
            assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    second.refresh_from_db()
    assert second.is_active


def test_a_person_closes_their_own_account(client_for: Client, member: User) -> None:
    assert client_for(member).delete(f"/users/{member.pk}").status_code == 200
    assert client_for(member).get("/auth/me").status_code == 401


def test_the_last_active_platform_administrator_stays(client_for: Client, staff: User) -> None:
    make_user("former", is_staff=True, is_active=False)
    client = client_for(staff)
    for answer in (
        client.delete(f"/users/{staff.pk}"),
        client.patch(f"/users/{staff.pk}", {"is_superuser": False}, format="json"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    other = make_user("other")
    assert client.patch(f"/users/{other.pk}", {"is_superuser": True}, format="json").status_code == 200
    other.refresh_from_db()
    assert (other.is_staff, other.is_superuser) == (True, True)
    assert client.patch(f"/users/{staff.pk}", {"is_superuser": False}, format="json").status_code == 200
    staff.refresh_from_db()
    assert (staff.is_staff, staff.is_superuser, staff.is_active) == (False, False, True)


def test_a_personal_token_is_shown_once_and_acts_in_its_tenant(
    client_for: Client, member: User, committed: Any
) -> None:
    client = client_for(member)
    created = client.post("/users/me/tokens", {"name": "laptop", "scopes": ["read", "build"]}, format="json")
    assert created.status_code == 201, created.content
    body = created.json()
    assert (body["name"], body["status"], created["Cache-Control"]) == ("laptop", "created", "no-store")
    assert client_for(body["token"]).get("/activity").status_code == 200

    listed = client.get(f"/users/{member.pk}/tokens")
    (row,) = listed.json()["tokens"]
    assert (row["id"], row["scopes"], row["is_active"]) == (body["id"], ["read", "build"], True)
    assert body["token"] not in listed.content.decode()
    assert body["token"] not in str(ApiKey.objects.values_list()) + str(AuditEntry.objects.values_list())

    with committed(execute=True):
        ended = client.delete(f"/users/{member.pk}/tokens/{body['id']}")
    assert ended.json() == {"status": "deactivated", "token_id": body["id"]}
    assert client_for(body["token"]).get("/activity").status_code == 401
    assert client.get("/users/me/tokens").json()["tokens"][0]["is_active"] is False


def test_a_personal_token_is_never_stronger_than_the_person_or_the_caller(
    client_for: Client, owner: User, viewer: User, key: Key
) -> None:
    for scope in ("write", "admin", "ingest"):
        for who in (viewer, owner):
            answer = client_for(who).post(
                f"/users/{viewer.pk}/tokens", {"name": "x", "scopes": [scope]}, format="json"
            )
            assert answer.status_code == 403
    assert client_for(key("write")).post(f"/users/{viewer.pk}/tokens", {"name": "x"}).status_code == 403
    assert not ApiKey.objects.filter(user=viewer).exists()
    assert (
        client_for(owner).post(f"/users/{viewer.pk}/tokens", {"name": "x"}, format="json").status_code == 201
    )


def test_a_personal_token_is_not_the_person(client_for: Client, owner: User, acme: Tenant) -> None:
    """It looks its person up, but changes nothing about them, whatever its scopes."""
    client = client_for(make_key(acme, "admin", user=owner)[1])
    assert client.get("/users/me").json()["email"] == "owner@example.com"
    for change in (
        {"password": "mine now, really"},
        {"email": "x@example.com", "current_password": PASSWORD},
    ):
        assert client.patch("/users/me", change, format="json").status_code == 403
    reader = client_for(make_key(acme, "read", user=owner)[1])
    assert reader.get("/users/me").status_code == 200
    assert reader.patch("/users/me", {"first_name": "X"}, format="json").status_code == 403
    assert reader.post("/users/me/tokens", {"name": "x"}, format="json").status_code == 403
    owner.refresh_from_db()
    assert (owner.first_name, owner.check_password(PASSWORD)) == ("", True)


def test_tokens_of_strangers_stay_hidden(
    client_for: Client, stranger: User, member: User, acme: Tenant
) -> None:
    row, _ = make_key(acme, "read", user=member)
    assert client_for(stranger).get(f"/users/{member.pk}/tokens").status_code == 404
    assert client_for(stranger).delete(f"/users/{member.pk}/tokens/{row.pk}").status_code == 404
    assert client_for(stranger).delete(f"/users/{stranger.pk}/tokens/{row.pk}").status_code == 404
    row.refresh_from_db()
    assert row.revoked_at is None


def test_staff_without_a_tenant_serve_a_person_of_one(client_for: Client, staff: User, member: User) -> None:
    answer = client_for(staff).post(
        f"/users/{member.pk}/tokens", {"name": "ci", "scopes": ["read"]}, format="json"
    )
    assert answer.status_code == 201
    assert client_for(answer.json()["token"]).get("/auth/me").json()["tenants"][0]["slug"] == "acme"


def test_staff_of_one_tenant_create_people_there(client_for: Client, staff: User, acme: Tenant) -> None:
    Membership.objects.create(tenant=acme, user=staff, role="owner")
    assert client_for(staff).post("/users", NEW, format="json").status_code == 201
    assert Membership.objects.get(user__username="newcomer").tenant == acme
    other = {"username": "second", "email": "second@example.com", "password": "a long enough one"}
    assert client_for(staff).post("/users", {**other, "tenant_id": "rival"}, format="json").status_code == 404


def test_a_body_names_no_other_tenant(client_for: Client, owner: User, rival: Tenant) -> None:
    answer = client_for(owner).post("/users", {**NEW, "tenant_id": "rival"}, format="json")
    assert answer.status_code == 403
    assert User.objects.count() == 1


def test_a_personal_token_that_only_sends_reads_nothing_of_its_person(
    client_for: Client, member: User, acme: Tenant
) -> None:
    sender, reader = (client_for(make_key(acme, scope, user=member)[1]) for scope in ("ingest", "read"))
    for path in ("", "/profile", "/tokens"):
        assert sender.get(f"/users/me{path}").status_code == 403
        assert sender.get(f"/users/{member.pk}{path}").status_code == 403
        assert reader.get(f"/users/me{path}").status_code == 200

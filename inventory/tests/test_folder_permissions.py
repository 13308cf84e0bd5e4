"""Rights in folders let people in, as guests if they are no members, and end with the last of them."""

from typing import Any, Final
from unittest.mock import ANY

import pytest
import time_machine

from accounts.models import AuditEntry, Delivery, Invitation, Membership, Tenant, User
from accounts.services.invitations import invitation_accept, invitation_context
from inventory.models import FolderPermission, Product
from inventory.tests.shops import Shops, open_shops, share
from tests.builders import PASSWORD, make_user

URL: Final = "/api/v1/folder-permissions"
Role = Membership.Role


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


@pytest.fixture
def boss(client_for: Any, owner: User) -> Any:
    return client_for(owner)


def grant(client: Any, shops: Shops, email: str, **fields: str) -> Any:
    return client.post(URL, {"folder_id": str(shops.web.pk), "email": email, **fields})


def role(email: str) -> str | None:
    return Membership.objects.filter(user__email=email).values_list("role", flat=True).first()


def test_the_shape_of_the_older_service(boss: Any, shops: Shops) -> None:
    told = grant(boss, shops, "New@Example.com").json()
    assert told == {
        "id": ANY,
        "folder_id": str(shops.web.pk),
        "email": "new@example.com",
        "level": "view",
        "createdAt": ANY,
        "modifiedAt": ANY,
    }
    assert boss.get(f"{URL}/{shops.web.pk}").json() == [told]
    assert boss.get(f"{URL}/{shops.ops.pk}").json() == []
    assert boss.get(f"{URL}/{shops.web.pk}/NEW@example.com").json() == told
    assert grant(boss, shops, "NEW@example.com").status_code == 409
    assert boss.delete(f"{URL}/{shops.web.pk}/new@example.com").json() == told
    assert boss.get(f"{URL}/{shops.web.pk}/new@example.com").status_code == 404
    older = {"folder_id": str(shops.web.pk), "email": "new@example.com"}
    assert boss.post("/folder-permissions/folder-permission", older).status_code == 201
    assert boss.post("/folders/create", {"name": "Older"}).status_code == 201


@pytest.mark.parametrize("has_account", [False, True])
def test_whose_address_is_not_proven_is_invited(
    boss: Any, shops: Shops, client_for: Any, has_account: bool
) -> None:
    if has_account:
        make_user("new")
    assert grant(boss, shops, "new@example.com", level="edit").status_code == 201
    assert boss.post(URL, {"folder_id": str(shops.ops.pk), "email": "new@example.com"}).status_code == 201
    assert role("new@example.com") is None
    mail = Delivery.objects.get()
    assert (mail.event_type, mail.target) == ("invitation.sent", "new@example.com")
    code = invitation_context(mail.payload)["url"].rpartition("/")[2]
    assert invitation_accept(code=code, password=PASSWORD).role == "guest"
    new = client_for(User.objects.get(email="new@example.com"))
    assert [(row["name"], row["level"]) for row in new.get("/folders").json()] == [
        ("Web", "edit"), ("Ops", "view"),
    ]  # fmt: skip


def test_an_invitation_ends_with_the_right_and_a_stronger_one_stays(boss: Any, shops: Shops) -> None:
    grant(boss, shops, "new@example.com")
    boss.delete(f"{URL}/{shops.web.pk}/new@example.com")
    assert Invitation.objects.get().withdrawn_at is not None
    boss.post("/api/v1/tenants/acme/invitations", {"email": "new@example.com", "role": "member"})
    grant(boss, shops, "new@example.com")
    boss.delete(f"{URL}/{shops.web.pk}/new@example.com")
    kept = Invitation.objects.get(withdrawn_at=None)
    assert kept.role == "member"


@pytest.mark.parametrize(("before", "after"), [(None, "guest"), ("viewer", "viewer"), ("owner", "owner")])
def test_who_has_an_account_gets_no_mail(
    boss: Any, shops: Shops, acme: Tenant, before: str | None, after: str
) -> None:
    make_user("known", acme if before else None, before or "", email_verified=not before)
    assert grant(boss, shops, "known@example.com").status_code == 201
    assert (role("known@example.com"), Delivery.objects.count()) == (after, 0)


def test_the_last_right_of_a_guest_ends_their_membership(boss: Any, shops: Shops, acme: Tenant) -> None:
    make_user("viewer", acme, Role.VIEWER)
    make_user("guest", email_verified=True)
    for email in ("guest@example.com", "viewer@example.com"):
        grant(boss, shops, email)
        share(shops.ops, email, "view")
        boss.delete(f"{URL}/{shops.web.pk}/{email}")
    assert (role("guest@example.com"), role("viewer@example.com")) == ("guest", "viewer")
    for email in ("guest@example.com", "viewer@example.com"):
        boss.delete(f"{URL}/{shops.ops.pk}/{email}")
    assert (role("guest@example.com"), role("viewer@example.com")) == (None, "viewer")


def test_a_folder_that_goes_takes_its_guests_with_it(boss: Any, shops: Shops, acme: Tenant) -> None:
    folders = [boss.post("/folders", {"name": name}).json()["id"] for name in ("One", "Two")]
    for email in ("first@example.com", "second@example.com"):
        make_user(email.partition("@")[0], email_verified=True)
        boss.post(URL, {"folder_id": folders[0], "email": email})
    boss.post(URL, {"folder_id": folders[1], "email": "second@example.com"})
    boss.post(URL, {"folder_id": folders[0], "email": "invited@example.com"})
    assert boss.delete(f"/folders/{folders[0]}").status_code == 204
    assert (role("first@example.com"), role("second@example.com")) == (None, "guest")
    assert Invitation.objects.get().withdrawn_at is not None


def test_a_level_is_inherited_and_never_lowered_below(
    boss: Any, shops: Shops, client_for: Any, acme: Tenant
) -> None:
    guest = make_user("guest", acme, Role.GUEST, email_verified=True)
    share(shops.shops, guest.email, "edit")
    share(shops.web, guest.email, "view")
    assert [row["level"] for row in client_for(guest).get("/folders").json()] == ["edit", "edit"]
    boss.patch(f"{URL}/{shops.web.pk}/{guest.email}", {"level": "manage"})
    assert [row["level"] for row in client_for(guest).get("/folders").json()] == ["edit", "manage"]
    entry = AuditEntry.objects.filter(action="folder_permission.changed").get()
    assert (entry.changes, entry.actor) == ({"level": ["view", "manage"]}, "user:owner@example.com")


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"email": "nobody"}, "email"), ({"level": "rule"}, "level"), ({"folder_id": "7"}, "folder_id")],
)
def test_what_is_no_right(boss: Any, shops: Shops, fields: Any, field: str) -> None:
    body = {"folder_id": str(shops.web.pk), "email": "new@example.com", **fields}
    answer = boss.post(URL, body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert (FolderPermission.objects.count(), Invitation.objects.count()) == (0, 0)


def test_one_product_in_two_hours(owner: User, shops: Shops, client_for: Any, member: User) -> None:
    def create(user: User, **fields: str) -> Any:
        body = {"name": "New", "folder_id": str(shops.web.pk), **fields}
        return client_for(user).post("/products", body)

    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        assert create(owner, cost_filter="colour = red").status_code == 400
        assert create(owner, name="Cart").status_code == 409
        assert create(owner).status_code == 201  # what failed did not count
        clock.shift(60)
        answer = create(owner, name="Second")
        assert answer.status_code == 429
        body = answer.json()
        told = {name: body[name] for name in ("error", "retry_after", "limit", "remaining", "reset_time")}
        assert told == {
            "error": "rate_limit_exceeded",
            "retry_after": 7140,
            "limit": 1,
            "remaining": 0,
            "reset_time": 1795176000 + 1,
        }
        assert (answer["Retry-After"], answer["X-RateLimit-Limit"]) == ("7140", "1")
        assert create(member, name="Theirs").status_code == 201
        clock.shift(7140)
        assert create(owner, name="Second").status_code == 201
    assert Product.objects.count() == 5

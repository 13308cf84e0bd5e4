"""Folders, products, rights and rules of showback are kept in the back office by the same verbs."""

from typing import Any, Final

import pytest
from django.test import Client

from accounts.models import AuditEntry, Invitation, Tenant, User
from inventory.models import AllocationRule, Folder, FolderPermission, Product
from inventory.tests.shops import Shops, open_shops
from tests.browser import browser

ADMIN: Final = "/admin/inventory"
ROWS: Final = "targets"


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


@pytest.fixture
def office(staff: User, shops: Shops) -> Client:
    return browser(staff)


def target(number: int, **fields: Any) -> dict[str, Any]:
    told = {"folder": "", "product": "", "share": "", **fields}
    return {f"{ROWS}-{number}-{name}": value for name, value in told.items()}


def management(total: int, initial: int = 0) -> dict[str, Any]:
    return {f"{ROWS}-TOTAL_FORMS": total, f"{ROWS}-INITIAL_FORMS": initial}


def test_lists_are_searched(office: Client) -> None:
    for page, count in (
        ("folder", 3), ("product", 2), ("folderpermission", 0), ("allocationrule", 0), ("productcharge", 1),
        ("productresource", 0),
    ):  # fmt: skip
        answer = office.get(f"{ADMIN}/{page}/?q=acme")
        assert answer.context["cl"].result_count == count


def test_folders_and_products(office: Client, shops: Shops, acme: Tenant) -> None:
    body = {"tenant": acme.pk, "parent": shops.ops.pk, "name": "New", "description": "", "owner": ""}
    assert office.post(f"{ADMIN}/folder/add/", body).status_code == 302
    new = Folder.objects.get(name="New")
    assert (new.parent, new.creator) == (shops.ops, "staff@example.com")
    office.post(f"{ADMIN}/folder/{shops.ops.pk}/change/", {**body, "parent": new.pk, "name": "Ops"})
    shops.ops.refresh_from_db()
    assert shops.ops.parent is None  # it would be inside itself
    office.post(f"{ADMIN}/folder/{new.pk}/change/", {**body, "parent": "", "name": "Moved"})
    new.refresh_from_db()
    assert (new.name, new.parent) == ("Moved", None)
    body = {"tenant": acme.pk, "folder": new.pk, "name": "Post", "cost_filter": "service_name = Support"}
    assert office.post(f"{ADMIN}/product/add/", body).status_code == 302
    post = Product.objects.get(name="Post")
    office.post(f"{ADMIN}/product/{post.pk}/change/", {**body, "cost_filter": "colour = red"})
    office.post(f"{ADMIN}/product/{post.pk}/change/", {**body, "folder": shops.ops.pk})
    post.refresh_from_db()
    assert (post.cost_filter, post.folder) == ("service_name = Support", shops.ops)
    office.post(f"{ADMIN}/folder/{shops.ops.pk}/delete/", {"post": "yes"})
    assert Folder.objects.filter(pk=shops.ops.pk).exists()
    office.post(f"{ADMIN}/product/{post.pk}/delete/", {"post": "yes"})
    assert not Product.objects.filter(pk=post.pk).exists()
    assert AuditEntry.objects.filter(actor="user:staff@example.com", action="product.deleted").count() == 1


def test_rights(office: Client, shops: Shops) -> None:
    body = {"folder": shops.web.pk, "email": "New@example.com", "level": "view"}
    assert office.post(f"{ADMIN}/folderpermission/add/", body).status_code == 302
    right = FolderPermission.objects.get()
    mine = FolderPermission(tenant=right.tenant, folder=shops.web, email="creator@example.com")
    Folder.objects.filter(pk=shops.web.pk).update(creator=mine.email)
    mine.save()
    office.post(f"{ADMIN}/folderpermission/{mine.pk}/delete/", {"post": "yes"})
    assert FolderPermission.objects.count() == 2
    mine.delete()
    assert (right.email, Invitation.objects.get().role) == ("new@example.com", "guest")
    office.post(f"{ADMIN}/folderpermission/{right.pk}/change/", {"level": "edit"})
    right.refresh_from_db()
    assert right.level == "edit"
    office.post(f"{ADMIN}/folderpermission/{right.pk}/delete/", {"post": "yes"})
    assert (FolderPermission.objects.count(), Invitation.objects.filter(withdrawn_at=None).count()) == (0, 0)


def test_rules_of_showback(office: Client, shops: Shops, acme: Tenant) -> None:
    fields = {"name": "x", "priority": 1, "filter": "exists provider", "method": "fixed", "is_active": "on"}
    first = target(0, folder=shops.ops.pk, share="30")
    body = {"tenant": acme.pk, **fields, **management(2), **first, **target(1)}
    assert office.post(f"{ADMIN}/allocationrule/add/", body).status_code == 302
    rule = AllocationRule.objects.get()
    assert [(one.folder, one.share) for one in rule.targets.all()] == [(shops.ops, 30)]
    kept = rule.targets.get()
    same = {**first, f"{ROWS}-0-id": kept.pk, f"{ROWS}-0-rule": rule.pk}
    for share, total in (("80", [30]), ("70", [30, 70])):
        two = {**fields, **management(2, 1), **same, **target(1, product=shops.cart.pk, share=share)}
        office.post(f"{ADMIN}/allocationrule/{rule.pk}/change/", two)
        assert [one.share for one in rule.targets.all()] == total
    office.post(f"{ADMIN}/allocationrule/{rule.pk}/delete/", {"post": "yes"})
    assert AllocationRule.objects.count() == 0

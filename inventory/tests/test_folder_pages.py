"""Folders in the console: the tree, products and what they own, and who is let in."""

from typing import Any, Final

import pytest
from django.test import Client

from accounts.models import Invitation, Membership, Tenant, User
from inventory.models import Folder, FolderPermission, Product
from inventory.queries.tree import Branch
from inventory.tests.shops import Shops, open_shops, share
from tests.browser import Page, browser
from tests.builders import make_user

URL: Final = "/console/folders"


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


@pytest.fixture
def person(owner: User) -> Client:
    return browser(owner)


@pytest.fixture
def guest(acme: Tenant, shops: Shops) -> Client:
    """Of Shops/Web, to view it."""
    share(shops.web, "guest@example.com", "view")
    return browser(make_user("guest", acme, Membership.Role.GUEST, email_verified=True))


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.content.decode().split())


def told(branches: list[Branch]) -> list[Any]:
    return [
        (one.folder.name, one.level, [product.name for product in one.products], told(one.children))
        for one in branches
    ]


def test_an_empty_page_says_what_to_do(person: Client, viewer: User) -> None:
    assert "Make the first one below" in shown(person.get(URL))
    assert "can let you in by your e-mail address" in shown(browser(viewer).get(URL))


def test_the_tree_has_what_each_may_see_and_do(
    person: Client, viewer: User, guest: Client, stranger: User, shops: Shops
) -> None:
    def all_of(level: str) -> list[Any]:
        web: Any = ("Web", level, ["Cart"], [])
        return [("Ops", level, ["Mail"], []), ("Shops", level, [], [web])]

    assert told(person.get(URL).context["tree"]) == all_of("manage")
    assert told(browser(viewer).get(URL).context["tree"]) == all_of("view")
    assert told(guest.get(URL).context["tree"]) == [("Web", "view", ["Cart"], [])]
    assert "Shops" not in shown(guest.get(URL))
    assert "New folder" not in shown(guest.get(URL))
    assert ("/console/usage" in shown(guest.get(URL)), "/console/usage" in shown(person.get(URL))) == (
        False,
        True,
    )
    assert browser(stranger).get(URL).context["tree"] == []


def test_a_folder_is_made_moved_and_deleted(person: Client, shops: Shops) -> None:
    form = {"name": "App", "description": "On phones", "parent": str(shops.shops.pk)}
    assert "The folder App is made." in shown(person.post(URL, form, follow=True))
    made = Folder.objects.get(name="App")
    assert (made.parent, made.description, made.creator) == (shops.shops, "On phones", "owner@example.com")
    page = f"{URL}/{made.pk}"
    assert "Shops/App" in shown(person.get(page))
    person.post(page, {**form, "do": "save", "name": "Apps", "parent": ""})
    made.refresh_from_db()
    assert (made.name, made.parent) == ("Apps", None)
    inside = person.post(f"{URL}/{shops.shops.pk}", {"do": "save", "name": "S", "parent": str(shops.web.pk)})
    assert inside.status_code == 400
    assert "a folder cannot be inside itself" in shown(inside)
    assert person.post(URL, {"name": "Ops", "parent": ""}).status_code == 409
    assert person.post(URL, {"name": "", "parent": ""}).status_code == 400
    full = person.post(f"{URL}/{shops.web.pk}", {"do": "delete"})
    assert (full.status_code, "The folder is not empty" in shown(full)) == (409, True)
    assert person.post(page, {"do": "forget"}).status_code == 400
    person.post(page, {"do": "delete"})
    assert not Folder.objects.filter(pk=made.pk).exists()


def test_somebody_is_let_in_by_mail_and_sent_away(person: Client, shops: Shops) -> None:
    page = f"{URL}/{shops.web.pk}"
    form = {"do": "grant", "email": "New@example.com", "level": "view"}
    assert "new@example.com may view this folder now." in shown(person.post(page, form, follow=True))
    assert Invitation.objects.get().email == "new@example.com"
    assert person.post(page, form).status_code == 409
    assert person.post(page, {**form, "email": "nobody"}).status_code == 400
    person.post(page, {"do": "level", "email": "new@example.com", "level": "edit"})
    assert FolderPermission.objects.get(email="new@example.com").level == "edit"
    bad = {"do": "level", "email": "new@example.com", "level": "own"}
    assert person.post(page, bad).status_code == 400
    person.post(page, {"do": "revoke", "email": "new@example.com"})
    assert not FolderPermission.objects.filter(email="new@example.com").exists()
    assert person.post(page, {"do": "revoke", "email": "new@example.com"}).status_code == 404


def test_rights_of_folders_above_are_told_where_they_count(person: Client, shops: Shops) -> None:
    share(shops.shops, "boss@example.com", "manage")
    page = person.get(f"{URL}/{shops.web.pk}")
    assert [(right.email, right.folder) for right in page.context["inherited"]] == [
        ("boss@example.com", shops.shops)
    ]
    assert list(page.context["rights"]) == []


def test_a_product_says_what_it_owns(person: Client, shops: Shops) -> None:
    page = f"/console/products/{shops.cart.pk}"
    found = person.get(page)
    assert (found.context["resources"], found.context["charges"]) == (1, 2)
    owned = person.get("/console/resources", {"filter": found.context["owned"]})
    assert [row.resource_id for row in owned.context["page"].rows] == ["i-cart"]
    form = {"name": "Basket", "description": "", "resource_filter": "", "cost_filter": "", "do": "save"}
    person.post(page, form)
    assert person.get(page).context["resources"] == 0
    assert Product.objects.get(pk=shops.cart.pk).name == "Basket"
    wrong = person.post(page, {**form, "resource_filter": "tag:app =="})
    assert wrong.status_code == 400
    person.post(page, {"do": "delete"})
    assert not Product.objects.filter(pk=shops.cart.pk).exists()


def test_a_product_is_made_in_a_folder(person: Client, shops: Shops) -> None:
    page = f"{URL}/{shops.web.pk}/products/new"
    form = {"name": "Search", "resource_filter": "tag:app = search", "do": "save"}
    assert "The product Search is made." in shown(person.post(page, form, follow=True))
    made = Product.objects.get(name="Search")
    assert (made.folder, made.resource_filter) == (shops.web, "tag:app = search")


def test_guests_stay_in_what_is_shared_with_them(guest: Client, acme: Tenant, shops: Shops) -> None:
    web, cart = f"{URL}/{shops.web.pk}", f"/console/products/{shops.cart.pk}"
    text = shown(guest.get(web)) + shown(guest.get(cart))
    for hidden in (
        "Who may do what",
        "Change the folder",
        "New product",
        '<h2 id="change">',
        "Save the product",
    ):
        assert hidden not in text
    for path in (f"{URL}/{shops.shops.pk}", f"{URL}/{shops.ops.pk}", f"/console/products/{shops.mail.pk}"):
        assert guest.get(path).status_code == 404
        assert guest.post(path, {"do": "delete"}).status_code == 404
    refused = (
        (web, {"do": "delete"}), (web, {"do": "save", "name": "Mine"}),
        (f"{web}/products/new", {"name": "X"}),
        (web, {"do": "grant", "email": "me@example.com", "level": "view"}),
        (cart, {"do": "save", "name": "Mine"}), (cart, {"do": "delete"}),
    )  # fmt: skip
    for path, form in refused:
        assert guest.post(path, form).status_code == 403, form
    assert sorted(Folder.objects.values_list("name", flat=True)) == ["Ops", "Shops", "Web"]
    assert not FolderPermission.objects.filter(email="me@example.com").exists()


def test_a_guest_who_manages_lets_others_in_and_moves_nothing(acme: Tenant, shops: Shops) -> None:
    share(shops.web, "guest@example.com", "manage")
    guest = browser(make_user("guest", acme, Membership.Role.GUEST, email_verified=True))
    page = f"{URL}/{shops.web.pk}"
    assert "parent" not in guest.get(page).context["form"].fields
    guest.post(page, {"do": "save", "name": "Shop", "description": "Ours"})
    shops.web.refresh_from_db()
    assert (shops.web.name, shops.web.parent_id) == ("Shop", shops.shops.pk)
    guest.post(page, {"do": "grant", "email": "new@example.com", "level": "view"})
    assert FolderPermission.objects.filter(email="new@example.com", folder=shops.web).exists()
    form = guest.get(f"/console/products/{shops.cart.pk}").context["form"]
    assert sorted(form.fields) == ["description", "name"]


def test_strangers_find_nothing(stranger: User, shops: Shops) -> None:
    other = browser(stranger)
    for path in (
        f"{URL}/{shops.web.pk}", f"{URL}/{shops.web.pk}/products/new", f"/console/products/{shops.cart.pk}",
    ):  # fmt: skip
        assert other.get(path).status_code == 404
        assert other.post(path, {"do": "delete"}).status_code == 404
    assert Folder.objects.count() == 3


def test_queries_do_not_grow(person: Client, shops: Shops, django_assert_max_num_queries: Any) -> None:
    for path, most in ((URL, 14), (f"{URL}/{shops.web.pk}", 22), (f"/console/products/{shops.cart.pk}", 20)):
        with django_assert_max_num_queries(most) as few:
            person.get(path)
        for n in range(3):
            folder = Folder.objects.create(tenant=shops.web.tenant, parent=shops.web, name=f"{path}-{n}")
            Product.objects.create(tenant=folder.tenant, folder=folder, name="x")
        with django_assert_max_num_queries(len(few)):
            person.get(path)

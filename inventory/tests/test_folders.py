"""Folders make a tree with products in it; the older service's clients find their paths and shapes."""

from typing import Any, Final
from uuid import uuid4

import pytest

from accounts.models import ActivityEntry, Tenant, User
from inventory.models import Folder, FolderPermission, Product

FOLDERS: Final = "/api/v1/folders"
PRODUCTS: Final = "/api/v1/products"


@pytest.fixture
def person(client_for: Any, member: User) -> Any:
    return client_for(member)


@pytest.fixture(autouse=True)
def no_limit(settings: Any) -> None:
    settings.RATE_LIMIT_PRODUCT_CREATION_MAX = 100


def made(client: Any, name: str, **fields: Any) -> dict[str, Any]:
    answer = client.post(FOLDERS, {"name": name, **fields}, format="json")
    assert answer.status_code == 201, answer.json()
    body: dict[str, Any] = answer.json()
    return body


def product(client: Any, folder: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    answer = client.post(PRODUCTS, {"name": name, "folder_id": folder["id"], **fields}, format="json")
    assert answer.status_code == 201, answer.json()
    body: dict[str, Any] = answer.json()
    return body


def test_without_folders_the_lists_are_empty(person: Any) -> None:
    assert [person.get(url).json() for url in (FOLDERS, PRODUCTS)] == [[], []]
    assert person.get(f"{FOLDERS}/folders-and-products").json() == {"folders": [], "products": []}
    assert person.get(PRODUCTS, {"folder_id": str(uuid4())}).json() == []


def test_the_shapes_of_the_older_service(person: Any, acme: Tenant) -> None:
    shops = made(person, "Shops", description="All of them")
    web = made(person, "Web", parent_id=shops["id"], owner="team@example.com")
    cart = product(person, web, "Cart")
    assert {name: shops[name] for name in ("name", "description", "owner", "products", "level")} == {
        "name": "Shops",
        "description": "All of them",
        "owner": "member@example.com",
        "products": [],
        "level": "manage",
    }
    assert (web["path"], web["parent_id"], web["owner"]) == ("Shops/Web", shops["id"], "team@example.com")
    assert {"createdAt", "modifiedAt", "folder_id", "owner", "description"} <= cart.keys()
    assert person.get(f"{FOLDERS}/{web['id']}").json() == {**web, "products": [cart["id"]]}
    assert person.get(PRODUCTS, {"folder_id": web["id"]}).json() == [cart]
    assert person.get(PRODUCTS, {"folder_id": shops["id"]}).json() == []
    assert person.get(f"{PRODUCTS}/{cart['id']}").json() == cart
    both = person.get("/folders/folders-and-products").json()
    names = {kind: [one["name"] for one in found] for kind, found in both.items()}
    assert names == {"folders": ["Web"], "products": ["Cart"]}
    assert person.post("/folders/", {"name": "Slash"}).status_code == 201


@pytest.mark.parametrize("url", [FOLDERS, PRODUCTS])
def test_what_is_no_folder_or_product(person: Any, url: str) -> None:
    assert person.get(f"{url}/{uuid4()}").status_code == 404
    assert person.get(f"{url}/123").status_code == 404
    assert person.post(url, {"description": "x"}).json()["error"] == "validation_error"
    assert person.get(PRODUCTS, {"folder_id": "123"}).status_code == 400
    missing = person.post(PRODUCTS, {"name": "x", "folder_id": str(uuid4())})
    assert missing.status_code == 404


def test_names_are_once_among_siblings(person: Any) -> None:
    shops = made(person, "Shops")
    made(person, "Shops", parent_id=shops["id"])
    product(person, shops, "Cart")
    for url, body in (
        (FOLDERS, {"name": "Shops"}),
        (FOLDERS, {"name": "Shops", "parent_id": shops["id"]}),
        (PRODUCTS, {"name": "Cart", "folder_id": shops["id"]}),
    ):
        assert person.post(url, body).status_code == 409
    assert (Folder.objects.count(), Product.objects.count()) == (2, 1)


def test_a_folder_is_never_inside_itself(person: Any) -> None:
    top = made(person, "Top")
    middle = made(person, "Middle", parent_id=top["id"])
    inside = made(person, "Inside", parent_id=middle["id"])
    for folder, parent in ((top, top), (top, inside), (middle, inside)):
        answer = person.patch(f"{FOLDERS}/{folder['id']}", {"parent_id": parent["id"]}, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "parent_id")
    moved = person.patch(f"{FOLDERS}/{inside['id']}", {"parent_id": None}, format="json").json()
    assert (moved["path"], moved["parent_id"]) == ("Inside", None)
    assert person.patch(f"{FOLDERS}/{top['id']}", {"parent_id": moved["id"]}, format="json").json()[
        "path"
    ] == ("Inside/Top")


def test_folders_are_so_deep_and_no_deeper(person: Any) -> None:
    parent = None
    for depth in range(20):
        parent = made(person, f"f{depth}", parent_id=parent)["id"]
    assert person.post(FOLDERS, {"name": "f20", "parent_id": parent}).status_code == 400


def test_only_an_empty_folder_is_removed(person: Any, acme: Tenant) -> None:
    top = made(person, "Top")
    cart = product(person, top, "Cart")
    assert person.delete(f"{FOLDERS}/{top['id']}").status_code == 409
    assert person.delete(f"{PRODUCTS}/{cart['id']}").status_code == 204
    assert person.delete(f"{FOLDERS}/{top['id']}").status_code == 204
    assert (Folder.objects.count(), FolderPermission.objects.count()) == (0, 0)
    types = list(ActivityEntry.objects.for_tenant(acme).order_by("seq").values_list("type", flat=True))
    assert types == ["folder.created", "product.created", "product.deleted", "folder.deleted"]


def test_the_creator_is_always_in(person: Any, client_for: Any, owner: User) -> None:
    url = f"/api/v1/folder-permissions/{made(person, 'Shops')['id']}"
    assert [(row["email"], row["level"]) for row in person.get(url).json()] == [
        ("member@example.com", "manage")
    ]
    for call in (person.delete, client_for(owner).delete):
        assert call(f"{url}/member@example.com").status_code == 409
    assert client_for(owner).patch(f"{url}/Member@example.com", {"level": "view"}).status_code == 409

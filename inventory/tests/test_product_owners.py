"""Each resource and each cost has one product at most; reports by product and folder are the whole."""

from typing import Any, Final
from uuid import uuid4

import pytest

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.services.bulk import Sent, resources_bulk
from inventory.services.products import product_delete, product_update
from inventory.tests.bills import bill, load
from inventory.tests.rows import resource
from inventory.tests.shops import DAY, Shops, open_shops

ANALYTICS: Final = "/api/v1/costs/analytics"
BY: Final = SYSTEM


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


def parts(api: Any, group_by: str, **query: str) -> dict[str, str]:
    found = api.get(ANALYTICS, {**({"group_by": group_by} if group_by else {}), **query}).json()
    assert sum(int(item["billed_cost"]) for item in found["items"]) == int(found["totals"][0]["billed_cost"])
    return {"/".join(item["group"].values()): item["billed_cost"] for item in found["items"]}


def resources(api: Any, filter: str) -> list[str]:
    items = api.get("/api/v1/resources", {"filter": filter}).json()["items"]
    return sorted(item["resource_id"] for item in items)


def test_parts_by_product_and_folder_are_the_whole(api: Any, shops: Shops) -> None:
    assert parts(api, "product") == {"Shops/Web/Cart": "9", "unallocated": "4", "Ops/Mail": "2"}
    assert parts(api, "folder") == {"Shops/Web": "9", "unallocated": "4", "Ops": "2"}
    assert parts(api, "folder,day,product") == {
        "Shops/Web/2026-03-02/Shops/Web/Cart": "1",
        "Shops/Web/2026-03-03/Shops/Web/Cart": "8",
        "Ops/2026-03-02/Ops/Mail": "2",
        "unallocated/2026-03-02/unallocated": "4",
    }


@pytest.mark.parametrize(
    ("filter", "costs", "machines"),
    [
        ('product = "Shops/Web/Cart"', {"EC2": "1", "S3": "8"}, ["i-cart"]),
        ('folder ^= "Shops/"', {"EC2": "1", "S3": "8"}, ["i-cart"]),
        ("folder in (Ops, Nowhere)", {"SES": "2"}, ["i-ops"]),
        ("not exists product", {"Support": "4"}, []),
        ("folder != Ops", {"EC2": "1", "S3": "8", "Support": "4"}, ["i-cart"]),
        ("product ~ ar", {"EC2": "1", "S3": "8"}, ["i-cart"]),
        ("product = 1", {}, []),
    ],
)
def test_filters(api: Any, shops: Shops, filter: str, costs: dict[str, str], machines: list[str]) -> None:
    if costs:
        assert parts(api, "service", filter=filter) == costs
    else:
        assert api.get(ANALYTICS, {"filter": filter}).json()["totals"] == []
    assert resources(api, filter) == machines


def test_the_product_made_first_has_what_two_filters_match(api: Any, shops: Shops) -> None:
    assert resources(api, 'product = "Ops/Mail"') == ["i-ops"]
    product_delete(by=BY.enter("acme"), product=shops.cart)
    assert resources(api, 'product = "Ops/Mail"') == ["i-cart", "i-ops"]
    assert parts(api, "product") == {"Ops/Mail": "11", "unallocated": "4"}


def test_ownership_follows_what_things_say_now(api: Any, shops: Shops, acme: Tenant) -> None:
    moved = resource("ops", tags={"app": "cart"})
    resources_bulk(by=BY.enter("acme"), sent=Sent([moved]))
    assert resources(api, 'product = "Shops/Web/Cart"') == ["i-cart", "i-ops"]
    product_update(by=BY.enter("acme"), product=shops.cart, changes={"resource_filter": ""})
    assert resources(api, 'product = "Shops/Web/Cart"') == []
    assert parts(api, "product") == {"Shops/Web/Cart": "8", "unallocated": "4", "Ops/Mail": "3"}


def test_by_hand_goes_before_filters_and_holds_for_lines_to_come(
    api: Any, shops: Shops, acme: Tenant
) -> None:
    names, mail = shops.names, f"/api/v1/products/{shops.mail.pk}"
    given = {"resource_ids": [names["i-cart"]], "cost_ids": [names["Support"]]}
    assert api.post(f"{mail}/give", given, format="json").status_code == 204
    assert parts(api, "product") == {"Shops/Web/Cart": "8", "Ops/Mail": "7"}
    assert resources(api, "folder = Ops") == ["i-cart", "i-ops"]
    load(acme, [bill(DAY, 5, service_name="Support"), bill("2026-04-01", 6, service_name="Support")])
    assert parts(api, "product") == {"Ops/Mail": "11"}
    taken = {"resource_ids": [names["i-cart"]]}
    assert api.post(f"{mail}/take", taken, format="json").status_code == 204
    assert resources(api, "folder = Ops") == ["i-ops"]


def test_what_cannot_be_given(api: Any, shops: Shops, rival: Tenant) -> None:
    theirs = open_shops(rival)
    url = f"/api/v1/products/{shops.cart.pk}/give"
    foreign = theirs.names["i-cart"]
    for given in (
        {"resource_ids": [foreign]}, {"resource_ids": [str(uuid4())]}, {"cost_ids": [shops.names["i-ops"]]},
    ):  # fmt: skip
        answer = api.post(url, given, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, next(iter(given)))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"resource_filter": "colour = red"}, "resource_filter"),
        ({"cost_filter": "billed_cost > 3"}, "cost_filter"),
        ({"cost_filter": "day > 2026-01-01"}, "cost_filter"),
        ({"cost_filter": "product = Cart"}, "cost_filter"),
    ],
)
def test_what_is_no_filter_of_a_product(api: Any, shops: Shops, fields: Any, field: str) -> None:
    answer = api.patch(f"/api/v1/products/{shops.cart.pk}", fields, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    shops.cart.refresh_from_db()
    assert shops.cart.resource_filter == "tag:app = cart"


def test_names_with_slashes_stay_apart(api: Any, acme: Tenant, settings: Any) -> None:
    settings.RATE_LIMIT_PRODUCT_CREATION_MAX = 2
    for top, name in (("a", "b/c"), ("a/b", "c")):
        folder = api.post("/folders", {"name": top}).json()
        api.post("/products", {"name": name, "folder_id": folder["id"], "cost_filter": f'sku_id = "{top}"'})
    load(acme, [bill(DAY, 1, sku_id="a"), bill(DAY, 2, sku_id="a/b")])
    assert parts(api, "product") == {"a/b\\/c": "1", "a\\/b/c": "2"}


def test_budgets_and_views_are_of_a_folder(api: Any, shops: Shops) -> None:
    budget = {"name": "web", "amount": "10", "currency": "USD", "filter": 'folder = "Shops/Web"'}
    assert api.post("/api/v1/budgets", budget, format="json").status_code == 201
    view = {"name": "web", "kind": "costs", "filter": 'folder = "Shops/Web"', "group_by": "product"}
    assert api.post("/api/v1/saved-views", view).status_code == 201
    assert parts(api, "", view="web") == {"Shops/Web/Cart": "9"}

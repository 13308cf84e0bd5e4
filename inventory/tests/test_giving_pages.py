"""Products get resources and costs by hand in the console."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, Tenant, User
from inventory.models import CostLine, Product, Resource
from inventory.queries import giving
from inventory.queries.owners import owned_charges, owned_resources
from inventory.tests.bills import bill, load
from inventory.tests.shops import DAY, Shops, open_shops, share
from tests.browser import Page, browser
from tests.builders import make_user


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


@pytest.fixture
def person(member: User) -> Client:
    return browser(member)


def page_of(product: Product, of: str = "resources") -> str:
    return f"/console/products/{product.pk}/by-hand?of={of}"


def shown(response: Any) -> str:
    assert Page(response).blocked == []
    return " ".join(response.text.split())


def listed(response: Any, name: str = "found") -> list[tuple[str, str]]:
    return sorted((one.name, one.owner) for one in response.context[name])


def resources_of(product: Product) -> list[str]:
    return sorted(owned_resources(product.tenant, [product.pk]).values_list("resource_id", flat=True))


def services_of(product: Product) -> list[str]:
    return sorted(owned_charges(product.tenant, [product.pk]).values_list("service_name", flat=True))


def test_resources_are_looked_for_given_and_taken_back(shops: Shops, person: Client) -> None:
    assert page_of(shops.cart).partition("?")[0] in shown(person.get(f"/console/products/{shops.cart.pk}"))
    page = page_of(shops.cart)
    seen = person.get(page)
    assert listed(seen) == [("i-cart", "Shops/Web/Cart"), ("i-ops", "Ops/Mail")]
    assert listed(seen, "given") == []
    assert listed(person.get(f"{page}&filter=tag:app+%3D+ops")) == [("i-ops", "Ops/Mail")]
    machine = str(Resource.objects.get(resource_id="i-ops").pk)
    text = shown(person.post(page, {"do": "give", "chosen": [machine]}, follow=True))
    assert "Cart is given 1 of the resources." in text
    assert resources_of(shops.cart) == ["i-cart", "i-ops"]
    assert listed(person.get(page), "given") == [("i-ops", "Shops/Web/Cart")]
    person.post(page, {"do": "take", "chosen": [machine]})
    assert (resources_of(shops.cart), resources_of(shops.mail)) == (["i-cart"], ["i-ops"])


def test_a_charge_is_given_with_the_lines_to_come(acme: Tenant, shops: Shops, person: Client) -> None:
    page = page_of(shops.cart, "costs")
    seen = person.get(f"{page}&filter=not+exists+product")
    assert (listed(seen), listed(seen, "given")) == ([("Support", "")], [("S3", "Shops/Web/Cart")])
    (support,) = seen.context["found"]
    person.post(page, {"do": "give", "chosen": [str(support.pk)]})
    assert services_of(shops.cart) == ["EC2", "S3", "Support"]
    (storage,) = [one for one in person.get(page).context["given"] if one.name == "S3"]
    person.post(page, {"do": "take", "chosen": [str(storage.pk)]})
    assert (services_of(shops.cart), services_of(shops.mail)) == (["EC2", "Support"], ["S3", "SES"])
    load(acme, [bill("2026-03-09", 32, service_name="Support")])
    given = owned_charges(acme, [shops.cart.pk]).values("pk")
    newest = CostLine.objects.live().filter(charge__in=given, cost_day__day="2026-03-09").get()
    assert newest.charge.service_name == "Support"


def test_what_cannot_be_done_is_told_and_changes_nothing(acme: Tenant, shops: Shops, person: Client) -> None:
    page = page_of(shops.cart)
    assert "Choose some of them first." in shown(person.post(page, {"do": "give"}))
    assert person.post(page, {"do": "give", "chosen": ["x"]}).status_code == 400
    stranger = person.post(page, {"do": "give", "chosen": [str(shops.mail.pk)]})
    assert (stranger.status_code, "none of ours" in stranger.text) == (400, True)
    assert person.post(page, {"do": "eat", "chosen": [str(shops.mail.pk)]}).status_code == 400
    wrong = person.get(f"{page}&filter=tag:app+%3D%3D+x")
    assert (wrong.status_code, "↑" in wrong.text) == (400, True)
    assert resources_of(shops.cart) == ["i-cart"]


def test_only_who_may_write_gives(acme: Tenant, rival: Tenant, shops: Shops, viewer: User) -> None:
    share(shops.web, "guest@example.com", "manage")
    guest = make_user("guest", acme, Membership.Role.GUEST, email_verified=True)
    for who in (viewer, guest):
        assert browser(who).get(page_of(shops.cart)).status_code == 403
        assert "by-hand" not in browser(who).get(f"/console/products/{shops.cart.pk}").text
    theirs = make_user("other", rival, Membership.Role.OWNER)
    assert browser(theirs).get(page_of(shops.cart)).status_code == 404


def test_queries_do_not_grow_with_rows(
    acme: Tenant, shops: Shops, person: Client, django_assert_max_num_queries: Any
) -> None:
    for of in ("resources", "costs"):
        with django_assert_max_num_queries(20) as few:
            person.get(page_of(shops.cart, of))
        load(acme, [bill(DAY, n, service_name=f"S-{of}-{n}") for n in range(1, 9)])
        with django_assert_max_num_queries(len(few)):
            person.get(page_of(shops.cart, of))


def test_costs_that_no_line_tells_of_any_more_take_no_place(
    shops: Shops, person: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(shops.cart, "costs")
    (first, _), (second, _), *_ = listed(person.get(page))
    monkeypatch.setattr(giving, "MOST", 1)
    assert [name for name, _ in listed(person.get(page))] == [first]
    CostLine.objects.filter(charge__service_name=first).delete()
    assert [name for name, _ in listed(person.get(page))] == [second]

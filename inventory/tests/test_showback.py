"""Rules share out what nobody owns or several use; whatever they say, not a cent is lost."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.models import Membership, Tenant
from accounts.principals import SYSTEM
from inventory.allocation import split
from inventory.models import AllocationRule, CostDay, CostLine, ExchangeRate, Import
from inventory.queries.analytics import cost_analytics
from inventory.queries.costs import live_lines
from inventory.queries.showback import showback
from inventory.queries.spans import Span
from inventory.rows import CostRow
from inventory.services.allocations import allocation_rule_create
from inventory.tests.bills import bill, load
from inventory.tests.shops import Shops, open_shops, share
from tests.builders import make_user

RULES: Final = "/api/v1/allocation-rules"
SHOWBACK: Final = "/api/v1/costs/showback"
ALL: Final = Span(None, None)
Amounts = dict[str, tuple[str, str]]
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=14)
weights = st.decimals(min_value=0, max_value=10**6, places=3)


@pytest.fixture
def shops(acme: Tenant) -> Shops:
    return open_shops(acme)


def rule(api: Any, name: str, filter: str, *targets: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"name": name, "filter": filter, "targets": targets, **fields}
    answer = api.post(RULES, body, format="json")
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


def shown(api: Any, **query: str) -> Amounts:
    """By path (direct, shared), and what is unallocated, in USD."""
    found = api.get(SHOWBACK, {"period": "all", **query}).json()
    rows: Amounts = {
        row["product"] or row["folder"]: (row["direct"], row["shared"]) for row in found["items"]
    }
    return {**rows, "nobody": (found["unallocated"].get("USD", "0"), "")}


def at(folder: Any = None, product: Any = None, share: str | None = None) -> dict[str, Any]:
    target = {"folder_id": str(folder.pk)} if folder else {"product_id": str(product.pk)}
    return {**target, **({"share": share} if share else {})}


def test_without_rules_owners_have_their_own(api: Any, shops: Shops) -> None:
    assert shown(api) == {"Ops/Mail": ("2", "0"), "Shops/Web/Cart": ("9", "0"), "nobody": ("4", "")}
    assert api.get(SHOWBACK, {"period": "all"}).json()["totals"] == {"USD": "15"}
    assert shown(api, period="2026-03-02") == {
        "Ops/Mail": ("2", "0"), "Shops/Web/Cart": ("1", "0"), "nobody": ("4", ""),
    }  # fmt: skip


def test_one_target_has_it_all(api: Any, shops: Shops) -> None:
    rule(api, "support", "service_name = Support", at(product=shops.mail))
    assert shown(api) == {"Ops/Mail": ("6", "0"), "Shops/Web/Cart": ("9", "0"), "nobody": ("0", "")}


@pytest.mark.parametrize(
    ("method", "shares", "mail", "cart", "nobody"),
    [
        ("even", (None, None), "2", "2", "0"),
        ("proportional", (None, None), "0.72727272727273", "3.27272727272727", "0"),
        ("fixed", ("70", "20"), "2.8", "0.8", "0.4"),
        ("fixed", ("33.333", "66.667"), "1.33332", "2.66668", "0"),
    ],
)
def test_shared_cost_is_split(
    api: Any, shops: Shops, method: str, shares: tuple[str, str], mail: str, cart: str, nobody: str
) -> None:
    targets = at(product=shops.mail, share=shares[0]), at(product=shops.cart, share=shares[1])
    rule(api, "support", "service_name = Support", *targets, method=method)
    assert shown(api) == {"Ops/Mail": ("2", mail), "Shops/Web/Cart": ("9", cart), "nobody": (nobody, "")}


def test_the_rest_of_rounding_goes_to_the_first(api: Any, shops: Shops) -> None:
    targets = [at(product=shops.mail), at(product=shops.cart), at(folder=shops.ops)]
    rule(api, "support", "service_name = Support", *targets)
    third = "1.33333333333333"
    assert shown(api) == {
        "Ops/Mail": ("2", "1.33333333333334"), "Shops/Web/Cart": ("9", third), "Ops": ("0", third),
        "nobody": ("0", ""),
    }  # fmt: skip


def test_a_folder_weighs_what_is_below_it(api: Any, shops: Shops) -> None:
    targets = at(folder=shops.shops), at(folder=shops.ops)
    rule(api, "support", "service_name = Support", *targets, method="proportional")
    found = shown(api)
    assert (found["Shops"], found["Ops"]) == (("0", "3.27272727272728"), ("0", "0.72727272727272"))


def test_the_first_rule_has_it_and_rules_go_before_owners(api: Any, shops: Shops) -> None:
    rule(api, "late", 'product = "Shops/Web/Cart" or service_name = Support', at(folder=shops.ops))
    early = rule(api, "early", "service_name = S3", at(product=shops.mail), priority=1)
    assert shown(api) == {"Ops/Mail": ("10", "0"), "Ops": ("5", "0"), "nobody": ("0", "")}
    told = api.get(SHOWBACK, {"period": "all"}).json()["rules"]
    assert [(one["name"], one["amount"]) for one in told] == [("early", "8"), ("late", "5")]
    api.patch(f"{RULES}/{early['id']}", {"is_active": False}, format="json")
    assert shown(api) == {"Ops/Mail": ("2", "0"), "Ops": ("13", "0"), "nobody": ("0", "")}


def test_nothing_of_their_own_means_evenly(api: Any, shops: Shops, acme: Tenant) -> None:
    load(acme, [bill("2026-03-02", 6, service_name="Support"), bill("2026-03-02", -3, service_name="SES")])
    targets = at(product=shops.mail), at(product=shops.cart)
    rule(api, "support", "service_name = Support", *targets, method="proportional")
    assert shown(api) == {"Ops/Mail": ("-3", "3"), "Shops/Web/Cart": ("0", "3"), "nobody": ("0", "")}


def test_currencies_are_never_mixed(api: Any, shops: Shops, acme: Tenant) -> None:
    load(acme, [bill("2026-03-02", 7, currency="EUR", service_name="SES")], source="euros")
    found = api.get(SHOWBACK, {"period": "all"}).json()
    assert found["totals"] == {"EUR": "7", "USD": "15"}
    ExchangeRate.objects.create(
        tenant=acme, currency="EUR", to_currency="USD", valid_from="2026-01-01", rate=Decimal("1.5")
    )
    assert shown(api, reporting_currency="USD")["Ops/Mail"] == ("12.5", "0")


def test_a_guest_sees_their_rows_alone(api: Any, shops: Shops, acme: Tenant, client_for: Any) -> None:
    guest = make_user("guest", acme, Membership.Role.GUEST, email_verified=True)
    share(shops.web, guest.email, "view")
    rule(api, "support", "service_name = Support", at(product=shops.mail), at(product=shops.cart))
    found = client_for(guest).get(SHOWBACK, {"period": "all"}).json()
    assert [(row["product"], row["total"]) for row in found["items"]] == [("Web/Cart", "11")]
    assert (found["totals"], found["unallocated"], found["rules"]) == ({"USD": "11"}, {}, [])
    assert client_for(guest).get(RULES).status_code == 403


def test_as_a_file(api: Any, shops: Shops) -> None:
    answer = api.get(SHOWBACK, {"period": "all", "format": "csv"})
    head, *rows = b"".join(answer.streaming_content).decode().splitlines()
    assert head == "folder,product,currency,direct,shared,total"
    assert [row.split(",")[1] for row in rows] == ["Ops/Mail", "Shops/Web/Cart", "unallocated"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"filter": ""}, "filter"),
        ({"filter": "billed_cost > 1"}, "filter"),
        ({"targets": []}, "targets"),
        ({"targets": [{}]}, "targets"),
        ({"targets": [{"product_id": "01a20312-39c2-767b-abc1-34245beecaae"}]}, "targets"),
        ({"method": "fixed"}, "targets"),
        ({"method": "guessed"}, "method"),
        ({"priority": 0}, "priority"),
    ],
)
def test_what_is_no_rule(api: Any, shops: Shops, fields: dict[str, Any], field: str) -> None:
    body = {"name": "x", "filter": "exists provider", "targets": [at(product=shops.cart)], **fields}
    answer = api.post(RULES, body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert AllocationRule.objects.count() == 0


def test_fixed_shares_are_at_most_the_whole(api: Any, shops: Shops) -> None:
    kept = rule(api, "x", "exists provider", at(product=shops.cart, share="60"), method="fixed")
    url = f"{RULES}/{kept['id']}"
    both = [at(product=shops.cart, share="60"), at(product=shops.mail, share="40.1")]
    twice = [at(product=shops.cart, share="1")] * 2
    for changes in ({"targets": both}, {"targets": twice}, {"method": "even"}):
        assert api.patch(url, changes, format="json").status_code == 400
    assert api.get(url).json() == kept


def test_what_a_rule_names_is_not_removed(api: Any, shops: Shops) -> None:
    kept = rule(api, "x", "exists provider", at(product=shops.mail), at(folder=shops.ops))
    assert api.delete(f"/api/v1/products/{shops.mail.pk}").status_code == 409
    assert api.post(RULES, {**kept, "targets": [at(product=shops.cart)]}, format="json").status_code == 409
    assert api.delete(f"{RULES}/{kept['id']}").status_code == 204
    assert api.delete(f"/api/v1/products/{shops.mail.pk}").status_code == 204


@settings(max_examples=60)
@given(amounts, st.lists(weights, min_size=1, max_size=6).filter(any))
@example(Decimal("0.00000000000001"), [Decimal(0), Decimal(1), Decimal(1)])
def test_parts_are_the_whole(amount: Decimal, weighed: list[Decimal]) -> None:
    parts = split(amount, weighed)
    assert sum(parts) == amount
    assert all(part == 0 for part, weight in zip(parts, weighed, strict=True) if not weight)
    assert all(abs(part) <= abs(amount) for part in parts)


rows = st.lists(
    st.builds(
        bill,
        st.dates(date(2026, 3, 1), date(2026, 3, 3)),
        amounts,
        currency=st.sampled_from(["USD", "EUR"]),
        service_name=st.sampled_from(["EC2", "SES", "S3", "Support", "Tax"]),
        resource_id=st.sampled_from(["", "i-cart", "i-ops"]),
    ),
    min_size=1,
    max_size=8,
)
rules = st.lists(
    st.tuples(
        st.sampled_from(["service_name in (Support, S3)", "exists product", "folder != Ops"]),
        st.sampled_from(["even", "proportional", "fixed"]),
        st.lists(st.sampled_from(["cart", "mail", "shops", "ops"]), unique=True, min_size=1),
        st.decimals(min_value="0.001", max_value=25, places=3),
    ),
    max_size=3,
)  # fmt: skip


@settings(max_examples=12)
@given(rows=rows, made=rules, currency=st.sampled_from([None, "USD"]))
def test_allocation_preserves_the_total(
    acme: Tenant, shops: Shops, rows: list[CostRow], made: list[Any], currency: str | None
) -> None:
    by = SYSTEM.enter("acme")
    Import.objects.for_tenant(acme).update(sha256="")
    for model in (AllocationRule, CostLine, CostDay, ExchangeRate):
        model.objects.for_tenant(acme).delete()
    ExchangeRate.objects.create(
        tenant=acme, currency="EUR", to_currency="USD", valid_from="2026-03-02", rate=Decimal("1.1234567")
    )
    load(acme, rows)
    for number, (filter, method, names, percent) in enumerate(made):
        share = percent if method == "fixed" else None
        kinds = {"cart": "product_id", "mail": "product_id", "shops": "folder_id", "ops": "folder_id"}
        targets = [{kinds[name]: getattr(shops, name).pk, "share": share} for name in names]
        fields = {"filter": filter, "method": method, "priority": number + 1}
        allocation_rule_create(by=by, tenant=acme, name=str(number), targets=targets, **fields)
    found = showback(by=by, span=ALL, currency=currency)
    whole = cost_analytics(
        tenant=acme, lines=live_lines(acme), span=ALL, dimensions=[], currency=currency
    ).totals
    assert found.totals == {part.currency: part.sums.effective for part in whole}

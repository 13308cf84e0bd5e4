"""Costs by any dimensions: the parts are the whole, currencies stay apart, savings are those of FOCUS."""

from decimal import Decimal
from typing import Any, Final

import pytest

from accounts.models import Tenant
from inventory.queries import sums
from inventory.tests.bills import bill, load

URL: Final = "/api/v1/costs/analytics"
AMOUNTS: Final = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


@pytest.fixture(autouse=True)
def costs(acme: Tenant, rival: Tenant) -> None:
    load(
        acme,
        [
            bill("2026-02-28", "10", region="us-east-1", tags={"env": "prod"}, list_cost=Decimal(16)),
            bill("2026-03-01", "0.1", region="us-east-1", tags={"env": "prod", "n": Decimal("1.50")}),
            bill("2026-03-02", "0.2", service_name="S3", tags={"env": ""}, effective_cost=Decimal("0.15")),
            bill("2026-03-02", "-0.05", service_name="S3", charge_category="Credit"),
            bill("2026-03-31", "7", currency="EUR", provider="gcore", resource_id="r-1"),
            bill("2026-04-01", "1000"),
        ],
    )
    load(rival, [bill("2026-03-01", "99999")])


def ask(api: Any, **query: Any) -> Any:
    return api.get(URL, {"start": "2026-02-01", "end": "2026-04-01", **query})


def parts(found: Any, cost: str = "billed_cost") -> dict[tuple[str, ...], str]:
    return {(*item["group"].values(), item["currency"]): item[cost] for item in found.json()["items"]}


def test_parts_by_two_dimensions_and_the_rest(api: Any) -> None:
    found = ask(api, group_by="service,region", limit=2)
    assert parts(found) == {("EC2", "us-east-1", "USD"): "10.1", ("EC2", "unallocated", "EUR"): "7"}
    body = found.json()
    (rest,) = body["rest"]
    assert (rest["currency"], rest["groups"], rest["lines"], rest["billed_cost"]) == ("USD", 1, 2, "0.15")
    assert rest["effective_cost"] == "0.1"
    totals = {total["currency"]: total["billed_cost"] for total in body["totals"]}
    assert totals == {"EUR": "7", "USD": "10.25"}
    assert (body["group_by"], body["start"], body["end"]) == (
        ["service", "region"],
        "2026-02-01",
        "2026-04-01",
    )


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("", {("USD",): "10.25", ("EUR",): "7"}),
        ("month", {("2026-02", "USD"): "10", ("2026-03", "USD"): "0.25", ("2026-03", "EUR"): "7"}),
        ("account", {("7", "USD"): "10.25", ("7", "EUR"): "7"}),
        ("provider,resource", {("aws", "unallocated", "USD"): "10.25", ("gcore", "r-1", "EUR"): "7"}),
        ("charge_category", {("Usage", "USD"): "10.3", ("Credit", "USD"): "-0.05", ("Usage", "EUR"): "7"}),
        ("tag:env", {("prod", "USD"): "10.1", ("unallocated", "USD"): "0.15", ("unallocated", "EUR"): "7"}),
        ("tag:n", {("1.5", "USD"): "0.1", ("unallocated", "USD"): "10.15", ("unallocated", "EUR"): "7"}),
    ],
)
def test_dimensions(api: Any, group_by: str, expected: dict[tuple[str, ...], str]) -> None:
    assert parts(ask(api, group_by=group_by)) == expected


def test_days_and_months_come_in_the_order_of_time(api: Any) -> None:
    found = ask(api, group_by=["day", "month", "service"])
    assert [(*item["group"].values(), item["billed_cost"]) for item in found.json()["items"]] == [
        ("2026-03-31", "2026-03", "EC2", "7"),
        ("2026-02-28", "2026-02", "EC2", "10"),
        ("2026-03-01", "2026-03", "EC2", "0.1"),
        ("2026-03-02", "2026-03", "S3", "0.15"),
    ]


def test_filter_and_period(api: Any) -> None:
    assert parts(ask(api, filter="tag:env = prod", group_by="service")) == {("EC2", "USD"): "10.1"}
    found = api.get(URL, {"period": "2026-02"}).json()
    assert (found["start"], found["end"], found["items"][0]["billed_cost"]) == (
        "2026-02-01", "2026-03-01", "10",
    )  # fmt: skip
    assert api.get(URL).json()["totals"][1]["billed_cost"] == "1010.25"
    assert ask(api, filter="provider = nobody").json()["items"] == []
    assert parts(ask(api, currency="EUR", provider="gcore")) == {("EUR",): "7"}


def test_a_cost_that_nobody_told_is_null_and_no_saving(api: Any) -> None:
    (item,) = ask(api, filter="tag:env = prod and day < 2026-03-01").json()["items"]
    assert [item[name] for name in AMOUNTS] == ["10", "10", "16", None]
    assert item["savings"] == {"negotiated": "6", "commitment": "0", "total": "6", "rate": "0.375"}
    (item,) = ask(api, filter="service_name = S3 and not charge_category = Credit").json()["items"]
    assert [item[name] for name in AMOUNTS] == ["0.2", "0.15", None, None]
    assert item["savings"] == {"negotiated": "0", "commitment": "0", "total": "0", "rate": "0"}


def test_savings_leave_out_what_was_bought_ahead(api: Any, acme: Tenant) -> None:
    priced = {"list_cost": Decimal(10), "contracted_cost": Decimal(8), "commitment_discount_id": "plan"}
    load(
        acme,
        [
            bill("2026-05-01", "100", effective_cost=Decimal(0), list_cost=Decimal(100),
                 charge_category="Purchase", commitment_discount_id="plan"),
            bill("2026-05-01", "0", effective_cost=Decimal(5), **priced),
            bill("2026-05-02", "0", effective_cost=Decimal(9), **priced),
        ],
        source="plans",
    )  # fmt: skip
    (total,) = api.get(URL, {"period": "2026-05"}).json()["totals"]
    assert [total[name] for name in AMOUNTS] == ["100", "14", "120", "16"]
    assert total["savings"] == {"negotiated": "4", "commitment": "2", "total": "6", "rate": "0.3"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"group_by": "colour"}, "group_by"),
        ({"group_by": "tag"}, "group_by"),
        ({"group_by": "service,service"}, "group_by"),
        ({"group_by": "billed_cost"}, "group_by"),
        ({"group_by": 'tag:"a" b'}, "group_by"),
        ({"currency": "euro"}, "currency"),
        ({"reporting_currency": "euro"}, "reporting_currency"),
        ({"format": "pdf"}, "format"),
        ({"filter": "provider"}, "filter"),
        ({"cost": "net"}, "cost"),
        ({"limit": "0"}, "limit"),
        ({"start": "yesterday"}, "start"),
    ],
)
def test_what_is_wrong_is_named(api: Any, query: dict[str, str], field: str) -> None:
    answer = api.get(URL, query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_too_many_groups_are_refused_before_they_fill_the_memory(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "MOST_GROUPS", 3)
    answers = [ask(api, group_by=names) for names in ("service", "service,day", "service,region,day")]
    assert [answer.status_code for answer in answers] == [200, 400, 400]
    assert "These are more than 3 groups." in answers[1].json()["message"]


def test_a_tag_with_a_comma(api: Any, acme: Tenant) -> None:
    load(acme, [bill("2026-06-01", "1", tags={"a,b": "x", 'q"': True})], source="tags")
    found = api.get(URL, {"period": "2026-06", "group_by": 'tag:"a,b",tag:"q\\"",month'})
    assert parts(found) == {("x", "true", "2026-06", "USD"): "1"}

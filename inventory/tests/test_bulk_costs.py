"""Costs in bulk: exact, replaced by their key, never doubled."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ActivityEntry, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import Charge, CostDay, CostLine, Import
from inventory.services.bulk import Sent, costs_bulk
from inventory.tests.rows import cost

BULK = "/api/v1/costs/bulk"


def send(api: Any, *rows: Any) -> Any:
    return api.post(BULK, {"items": list(rows)})


def test_the_older_calls_work_as_printed(client_for: Any, member: User, acme: Tenant) -> None:
    api = client_for(member)
    rows = [
        cost(organization_id=str(acme.pk)),
        cost(organization_id="acme", service_name="AmazonS3", region="us-west-2", usage_unit="GB-Mo"),
    ]
    answer = api.post("/costs/bulk", {"items": rows})
    assert (answer.status_code, answer.json()) == (
        200,
        {"inserted": 2, "updated": 0, "unchanged": 0, "errors": []},
    )
    assert api.post("/costs/bulk", {"items": rows}).json()["unchanged"] == 2
    summary = api.get("/costs/summary?period=monthly").json()
    assert {
        name: summary[name] for name in ("total_cost", "by_provider", "by_region", "period", "currency")
    } == {
        "total_cost": "24.68",
        "by_provider": {"aws": "24.68"},
        "by_region": {"us-east-1": "12.34", "us-west-2": "12.34"},
        "period": "monthly",
        "currency": "USD",
    }


def test_the_same_key_replaces_and_another_adds(api: Any) -> None:
    send(api, cost())
    first = CostLine.objects.get()
    answer = send(api, cost(cost_amount="5", tags={"env": "prod"}))
    assert answer.json() == {"inserted": 0, "updated": 1, "unchanged": 0, "errors": []}
    line = CostLine.objects.select_related("charge", "source_import").get()
    assert (line.pk, line.billed_cost, line.charge.tags) == (first.pk, 5, {"env": "prod"})
    assert line.source_import == Import.objects.latest("id") != first.source_import
    others = [{"usage_unit": "GB"}, {"currency": "EUR"}, {"resource_id": "i-1"}, {"cost_date": "2025-01-02"}]
    others += [
        {"region": "eu-west-1"},
        {"cloud_account_id": "2"},
        {"charge_category": "tax"},
        {"sku_id": "s"},
    ]
    assert send(api, *(cost(**other) for other in others)).json()["inserted"] == len(others)
    assert CostLine.objects.count() == len(others) + 1


def test_an_unchanged_line_keeps_the_import_that_it_came_with(api: Any) -> None:
    send(api, cost(), cost(service_name="AmazonS3"))
    send(api, cost(), cost(service_name="AmazonS3", cost_amount=1))
    first, second = Import.objects.order_by("id")
    lines = dict(CostLine.objects.values_list("charge__service_name", "source_import"))
    assert lines == {"AmazonEC2": first.pk, "AmazonS3": second.pk}
    assert (second.unchanged, second.updated, second.totals) == (1, 1, {"USD": Decimal("13.34")})
    assert CostDay.objects.count() == 1


def test_equal_keys_in_one_call_count_as_if_sent_one_after_the_other(api: Any) -> None:
    answer = send(api, cost(cost_amount=1), cost(cost_amount=2), cost(cost_amount=2))
    assert answer.json() == {"inserted": 1, "updated": 2, "unchanged": 1, "errors": []}
    line = CostLine.objects.get()
    assert (line.billed_cost, line.row_number) == (2, 2)


@pytest.mark.every_case
@pytest.mark.parametrize(
    "amount",
    ["-0.00000000000001", "999999999999999999999999.99999999999999", "0.1", "-12.50", "0", "1e3"],
)
def test_amounts_are_kept_to_the_last_digit(api: Any, amount: str) -> None:
    assert send(api, cost(cost_amount=amount)).status_code == 200
    (shown,) = api.get("/api/v1/costs").json()["items"]
    assert Decimal(shown["billed_cost"]) == Decimal(shown["effective_cost"]) == Decimal(amount)
    assert shown["list_cost"] is None  # nobody told it: not 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cost_amount", "0.000000000000001", "Give at most 24 digits before and 14 after the point."),
        ("cost_amount", "1,50", "Give a decimal number."),
        ("cost_amount", True, "Give a decimal number."),
        ("cost_amount", "NaN", "Give a decimal number."),
        ("cost_amount", "1_000", "Give a decimal number."),
        ("cost_amount", "\u0661", "Give a decimal number."),
        ("cost_amount", None, "It is required."),
        ("cost_date", "01/02/2025", "Give a date such as 2026-03-10."),
        ("cost_date", "2025-02-29", "There is no such date."),
        ("cost_date", "2999-01-01", "Give a year from 1970 to 2199."),
        ("currency", "EURO", "Give an ISO 4217 code such as EUR."),
        ("service_name", "  ", "It must not be blank."),
        ("service_name", ["x"], "Give a text."),
        ("service_name", "x" * 256, "Give at most 255 characters."),
        ("charge_category", "Gift", "Give one of Usage, Purchase, Tax, Credit, Adjustment."),
        ("tags", {"a": {"b": 1}}, "The tag 'a' is neither text nor number."),
    ],
)
def test_a_value_that_is_none_is_told(api: Any, field: str, value: Any, message: str) -> None:
    answer = send(api, cost(**{field: value}))
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"index": 0, "field": field, "message": message}]
    assert not CostLine.objects.exists()


def test_a_row_may_say_only_the_least(api: Any, acme: Tenant) -> None:
    acme.currency = "CHF"
    acme.save()
    row = {
        "provider": "Amazon Web Services",
        "service_name": "EC2",
        "cost_date": "2025-01-31",
        "cost_amount": 1,
    }
    assert send(api, row).status_code == 200
    line = CostLine.objects.select_related("charge", "cost_day").get()
    assert (line.charge.provider, line.currency, line.charge.region) == ("aws", "CHF", "")
    assert (str(line.charge_start), str(line.charge_end)) == (
        "2025-01-31 00:00:00+00:00",
        "2025-02-01 00:00:00+00:00",
    )
    assert (str(line.cost_day.period_start.date()), str(line.cost_day.period_end.date())) == (
        "2025-01-01",
        "2025-02-01",
    )
    assert line.charge.cloud_account is None


def test_what_lines_are_for_is_kept_once(api: Any) -> None:
    send(api, *(cost(cost_date=f"2025-01-{day:02}", tags={"b": 1, "a": "x"}) for day in range(1, 11)))
    send(api, cost(cost_date="2025-01-11", tags={"a": "x", "b": Decimal("1.0")}))
    assert (Charge.objects.count(), CostLine.objects.count(), CostDay.objects.count()) == (1, 11, 11)


def test_tenants_share_no_line_and_no_charge(acme: Tenant, rival: Tenant) -> None:
    for slug in ("acme", "rival"):
        costs_bulk(by=SYSTEM.enter(slug), sent=Sent([cost()]))
    assert (Charge.objects.count(), CostLine.objects.count()) == (2, 2)


def test_the_number_of_queries_does_not_grow_with_the_rows(acme: Tenant) -> None:
    by = SYSTEM.enter("acme")

    def queries(count: int, amount: int) -> int:
        rows = [cost(resource_id=f"i-{n}", cost_amount=amount) for n in range(count)]
        with CaptureQueriesContext(connection) as found:
            costs_bulk(by=by, sent=Sent(rows))
        return len(found)

    few, many = queries(1, 1), queries(300, 2)
    assert many <= few + 3
    assert many < 40
    assert queries(300, 3) <= many
    assert CostLine.objects.filter(billed_cost=3).count() == 300


def test_the_activity_says_what_the_older_one_did(api: Any) -> None:
    send(api, cost(), cost(currency="EUR"), {})
    payload = ActivityEntry.objects.get(type="costs.bulk").payload
    assert (payload["source"], payload["processed_count"]) == ("costs/bulk", 2)
    assert (payload["inserted_total"], payload["updated_total"]) == (2, 0)
    assert payload["totals"] == {"USD": "12.34", "EUR": "12.34"}

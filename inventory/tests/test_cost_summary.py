"""The summary of costs: exact, by currency, of a period."""

from typing import Any

import pytest

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.services.bulk import Sent, costs_bulk
from inventory.tests.rows import cost

URL = "/api/v1/costs/summary"


@pytest.fixture(autouse=True)
def costs(acme: Tenant, rival: Tenant) -> None:
    rows = [
        cost(cost_date="2025-02-28", cost_amount="0.1", provider="gcp"),
        cost(cost_date="2025-02-28", cost_amount="0.2", region=""),
        cost(cost_date="2025-02-01", cost_amount="-0.05", region="eu-west-1"),
        cost(cost_date="2025-02-01", cost_amount="7", currency="EUR"),
        cost(cost_date="2025-01-31", cost_amount="1000"),
        cost(cost_date="2024-12-31", cost_amount="1"),
    ]
    costs_bulk(by=SYSTEM.enter("acme"), sent=Sent(rows))
    costs_bulk(by=SYSTEM.enter("rival"), sent=Sent([cost(cost_date="2025-03-01")]))


def test_the_latest_month_in_the_tenants_currency(api: Any) -> None:
    assert api.get(URL).json() == {
        "total_cost": "0.25",
        "by_provider": {"aws": "0.15", "gcp": "0.1"},
        "by_region": {"eu-west-1": "-0.05", "unallocated": "0.2", "us-east-1": "0.1"},
        "by_service": {"AmazonEC2": "0.25"},
        "period": "monthly",
        "start": "2025-02-01",
        "end": "2025-03-01",
        "currency": "USD",
        "totals": {"EUR": "7", "USD": "0.25"},
    }


@pytest.mark.parametrize(
    ("period", "total", "start", "end"),
    [
        ("daily", "0.3", "2025-02-28", "2025-03-01"),
        ("monthly", "0.25", "2025-02-01", "2025-03-01"),
        ("yearly", "1000.25", "2025-01-01", "2026-01-01"),
        ("2024", "1", "2024-01-01", "2025-01-01"),
        ("2025-01", "1000", "2025-01-01", "2025-02-01"),
        ("2025-01-31", "1000", "2025-01-31", "2025-02-01"),
        ("2023", "0", "2023-01-01", "2024-01-01"),
        ("all", "1001.25", None, None),
    ],
)
def test_periods(api: Any, period: str, total: str, start: str | None, end: str | None) -> None:
    found = api.get(URL, {"period": period}).json()
    assert (found["total_cost"], found["start"], found["end"]) == (total, start, end)


def test_currencies_are_never_added_up(api: Any) -> None:
    found = api.get(URL, {"currency": "EUR"}).json()
    assert (found["currency"], found["total_cost"], found["by_provider"]) == ("EUR", "7", {"aws": "7"})
    none = api.get(URL, {"currency": "JPY"}).json()
    assert (none["total_cost"], none["by_provider"]) == ("0", {})


def test_a_tenant_without_costs_in_its_currency_sees_those_that_it_has(api: Any, acme: Tenant) -> None:
    acme.currency = "CHF"
    acme.save()
    assert api.get(URL).json()["currency"] == "EUR"


@pytest.mark.parametrize("query", [{"period": "weekly"}, {"period": "2025-13"}, {"currency": "eur"}])
def test_what_is_no_period_is_refused(api: Any, query: dict[str, str]) -> None:
    answer = api.get(URL, query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, next(iter(query)))

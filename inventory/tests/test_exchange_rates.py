"""Exchange rates are dated; converting by them loses no digit and hides no currency."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

import pytest

from accounts.models import ActivityEntry, AuditEntry, Tenant, User
from accounts.principals import SYSTEM
from inventory.models import ExchangeRate
from inventory.services.rates import exchange_rate_set
from inventory.tests.bills import bill, load
from tests.browser import browser

URL: Final = "/api/v1/exchange-rates"
RATE: Final = {"currency": "EUR", "to_currency": "USD", "valid_from": "2026-03-01", "rate": "1.10"}


def analytics(api: Any, **query: Any) -> Any:
    return api.get("/api/v1/costs/analytics", query).json()


def amounts(found: Any) -> dict[tuple[str, ...], str]:
    return {(*item["group"].values(), item["currency"]): item["billed_cost"] for item in found["items"]}


@pytest.fixture
def costs(acme: Tenant) -> None:
    tiny = "0.00000000000001"
    euros = {
        "2026-02-28": "1",
        "2026-03-01": "10",
        "2026-03-31": tiny,
        "2026-04-01": "10",
        "2026-04-15": "10",
    }
    rows = [(day, amount, "EUR") for day, amount in euros.items()]
    rows += [("2026-03-05", "5", "USD"), ("2026-03-05", "100", "JPY")]
    load(acme, [bill(day, amount, currency=currency) for day, amount, currency in rows])


def test_a_rate_is_said_and_said_anew_and_taken_back(api: Any, acme: Tenant) -> None:
    made = api.post(URL, RATE)
    assert (made.status_code, made.json()["rate"]) == (201, "1.1")
    again = api.post(URL, {**RATE, "rate": "1.2"})
    assert (again.json()["id"], again.json()["rate"]) == (made.json()["id"], "1.2")
    assert [row["rate"] for row in api.get(URL).json()["items"]] == ["1.2"]
    changes = AuditEntry.objects.filter(action="exchange_rate.set").order_by("id").values_list("changes")
    assert [change["rate"] for (change,) in changes] == [[None, "1.1"], ["1.1", "1.2"]]
    assert api.delete(f"{URL}/{made.json()['id']}").status_code == 204
    assert ExchangeRate.objects.count() == 0
    types = ActivityEntry.objects.order_by("seq").values_list("type", flat=True)
    assert list(types) == ["exchange_rate.set"] * 2 + ["exchange_rate.deleted"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rate": "0"}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"rate": "1.0000000000000000001"}, "rate"),
        ({"to_currency": "EUR"}, "to_currency"),
        ({"currency": "euro"}, "currency"),
        ({"valid_from": "March"}, "valid_from"),
    ],
)
def test_what_is_no_rate(api: Any, changes: dict[str, str], field: str) -> None:
    answer = api.post(URL, {**RATE, **changes})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert ExchangeRate.objects.count() == 0


@pytest.mark.usefixtures("costs")
def test_each_day_has_the_rate_of_its_time(api: Any) -> None:
    api.post(URL, RATE)
    api.post(URL, {**RATE, "valid_from": "2026-04-01", "rate": "2"})
    api.post(URL, {**RATE, "to_currency": "CHF", "valid_from": "2026-01-01", "rate": "9"})
    found = analytics(api, reporting_currency="USD", group_by="month")
    assert amounts(found) == {
        ("2026-03", "USD"): "16.000000000000011",
        ("2026-04", "USD"): "40",
        ("2026-02", "EUR"): "1",  # before the first rate
        ("2026-03", "JPY"): "100",
    }
    assert found["missing_rates"] == ["EUR", "JPY"]
    assert found["rates"] == [
        {"currency": "EUR", "valid_from": "2026-03-01", "rate": "1.1"},
        {"currency": "EUR", "valid_from": "2026-04-01", "rate": "2"},
    ]
    assert {row["currency"]: row["billed_cost"] for row in found["totals"]} == {
        "EUR": "1", "JPY": "100", "USD": "56.000000000000011",
    }  # fmt: skip


@pytest.mark.usefixtures("costs")
def test_a_rate_that_begins_within_a_month_counts_from_its_day(api: Any) -> None:
    api.post(URL, RATE)
    api.post(URL, {**RATE, "valid_from": "2026-04-15", "rate": "3"})
    found = analytics(api, reporting_currency="USD", group_by="month", start="2026-04-01")
    assert amounts(found) == {("2026-04", "USD"): "41"}


@pytest.mark.usefixtures("costs")
def test_without_a_reporting_currency_nothing_is_converted(api: Any) -> None:
    api.post(URL, RATE)
    found = analytics(api)
    assert amounts(found) == {("EUR",): "31.00000000000001", ("JPY",): "100", ("USD",): "5"}
    assert (found["rates"], found["missing_rates"], found["reporting_currency"]) == ([], [], None)


def test_the_rates_of_another_tenant_do_not_count(api: Any, acme: Tenant, rival: Tenant) -> None:
    load(acme, [bill("2026-03-05", "1", currency="EUR")])
    exchange_rate_set(
        by=SYSTEM,
        tenant=rival,
        currency="EUR",
        to_currency="USD",
        valid_from=date(2026, 1, 1),
        rate=Decimal(5),
    )
    assert amounts(analytics(api, reporting_currency="USD")) == {("EUR",): "1"}


def test_rates_in_the_back_office(staff: User, acme: Tenant) -> None:
    client = browser(staff)
    added = client.post("/admin/inventory/exchangerate/add/", {"tenant": str(acme.pk), **RATE})
    rate = ExchangeRate.objects.get()
    assert (added.status_code, rate.rate, rate.valid_from.isoformat()) == (302, Decimal("1.1"), "2026-03-01")
    client.post(f"/admin/inventory/exchangerate/{rate.pk}/change/", {"rate": "1.3"})
    rate.refresh_from_db()
    assert rate.rate == Decimal("1.3")
    client.post(f"/admin/inventory/exchangerate/{rate.pk}/change/", {"rate": "-1"})
    rate.refresh_from_db()
    assert rate.rate == Decimal("1.3")
    client.post(f"/admin/inventory/exchangerate/{rate.pk}/delete/", {"post": "yes"})
    assert ExchangeRate.objects.count() == 0
    assert AuditEntry.objects.filter(action__startswith="exchange_rate").count() == 3

"""Usage by period, by service and in money, and its trends, as the API answers them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import Tenant
from usage.tests.sums import DAY, HOUR, make, work

Get = Callable[..., Any]
MARCH = {"start_date": "2026-03-01", "end_date": "2026-03-31"}


@pytest.fixture
def get(client_for: Callable[..., APIClient], key: Callable[..., str]) -> Get:
    """`get("usage/costs", group_by="day")`, read with a key of acme."""
    client = client_for(key("read"))
    return lambda path, **parameters: client.get(f"/api/v1/{path}", parameters)


def ok(answer: Any) -> Any:
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_day_has_23_hours_where_the_clock_is_put_on(acme: Tenant, rival: Tenant, get: Get) -> None:
    first = datetime(2026, 3, 28, 22, 59, tzinfo=UTC)
    for moment in (first, first + HOUR / 30, first + 22 * HOUR, first + 23.5 * HOUR):
        make(acme, moment, metrics={"n": Decimal("0.1")}, billing_info={"total_cost": "0.25"})
    make(rival, first)
    work()
    window = {"start_date": "2026-03-28", "end_date": "2026-03-30", "timezone": "Europe/Berlin"}
    body = ok(get("usage/aggregate", period="day", group_by="user_id", metrics="n", **window))
    first_bucket = body["buckets"][0]
    assert first_bucket == {
        "period_start": "2026-03-27T23:00:00Z",
        "period_end": "2026-03-28T23:00:00Z",
        "group": {"user_id": "anna"},
        "event_count": 1,
        "metrics": {"n": {"count": 1, "sum": "0.1", "min": "0.1", "max": "0.1"}},
        "total_cost": "0.25",
        "currency": "USD",
        "totals": {"USD": "0.25"},
    }
    assert [(b["period_start"], b["event_count"]) for b in body["buckets"][1:]] == [
        ("2026-03-28T23:00:00Z", 2),
        ("2026-03-29T22:00:00Z", 1),
    ]
    assert body["totals"]["event_count"] == 4
    assert body["totals"]["metrics"]["n"]["sum"] == "0.4"
    assert (body["start_date"], body["end_date"]) == ("2026-03-27T23:00:00Z", "2026-03-30T22:00:00Z")
    assert body["complete_through"] is not None
    assert body["pending"] == 0


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"period": "year"}, "period"),
        ({"group_by": "metadata"}, "group_by"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"start_date": "2026-03-02", "end_date": "2026-03-01"}, "end_date"),
        ({"start_date": "0001-01-01"}, "start_date"),
        ({"start_date": "1990-01-01", "period": "hour"}, "window"),
        ({"metrics": ",".join("abcdefghijk")}, "metrics"),
    ],
)
def test_what_cannot_be_asked(acme: Tenant, get: Get, parameters: dict[str, str], field: str) -> None:
    answer = get("usage/aggregate", **parameters)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_services_by_their_events(acme: Tenant, get: Get) -> None:
    for user, count in [("anna", 3), ("jonas", 1), *((f"u{number}", 2) for number in range(5))]:
        for _ in range(count):
            make(acme, DAY, user_id=user, billing_info={"total_cost": 1})
    make(acme, DAY, service_type="llm_service", billing_info={"total_cost": 2, "currency": "EUR"})
    make(acme, DAY, service_type="llm_service", billing_info={"total_cost": 2, "currency": "USD"})
    work()
    body = ok(get("usage/by-service", limit=2, **MARCH))
    assert body["total_events"] == 16
    first, second = body["services"]
    assert first == {
        "service_type": "compute",
        "event_count": 14,
        "unique_users": 7,
        "top_users": [{"user_id": "anna", "event_count": 3}]
        + [{"user_id": f"u{number}", "event_count": 2} for number in range(4)],
        "percentage_of_total": "87.50",
        "total_cost": "14",
        "currency": "USD",
        "totals": {"USD": "14"},
    }
    assert (second["service_type"], second["percentage_of_total"]) == ("llm_service", "12.50")
    assert (second["total_cost"], second["currency"]) == (None, None)
    assert second["totals"] == {"EUR": "2", "USD": "2"}
    assert len(ok(get("usage/by-service", limit=1, **MARCH))["services"]) == 1
    assert get("usage/by-service", limit=51).status_code == 400
    assert ok(get("usage/by-service", user_id="nobody", **MARCH))["services"] == []


def test_costs_are_never_added_across_currencies(acme: Tenant, get: Get) -> None:
    make(acme, DAY, billing_info={"total_cost": "0.1"})
    make(acme, DAY + HOUR, billing_info={"total_cost": "0.2"})
    make(acme, DAY + 24 * HOUR, service_type="llm_service", billing_info={"total_cost": 5})
    work()
    body = ok(get("usage/costs", **MARCH))
    assert (body["total_cost"], body["currency"], body["totals"]) == ("5.3", "USD", {"USD": "5.3"})
    assert {name: own["total_cost"] for name, own in body["cost_by_service"].items()} == {
        "compute": "0.3",
        "llm_service": "5",
    }
    assert [(p["period_start"], p["total_cost"]) for p in body["cost_by_period"]] == [
        ("2026-03-10T00:00:00Z", "0.3"),
        ("2026-03-11T00:00:00Z", "5"),
    ]
    make(acme, DAY + 2 * HOUR, billing_info={"total_cost": "7", "currency": "EUR"})
    body = ok(get("usage/costs", group_by="month", **MARCH))
    assert (body["total_cost"], body["currency"]) == (None, None)
    assert body["totals"] == {"EUR": "7", "USD": "5.3"}
    assert body["cost_by_period"][0]["totals"] == {"EUR": "7", "USD": "5.3"}


def test_nothing_costs_nothing(acme: Tenant, get: Get) -> None:
    body = ok(get("usage/costs"))
    assert (body["total_cost"], body["currency"], body["totals"]) == (None, None, {})
    assert body["cost_by_period"] == []


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("counts", "direction", "change"),
    [
        ([2, 2, 3, 3], "up", "50.00"),
        ([3, 3, 2, 2], "down", "-33.33"),
        ([20, 20, 21, 21], "stable", "5.00"),
        ([0, 0, 1, 0], "up", None),
        ([0, 0, 0, 0], "stable", "0.00"),
        ([1, 2, 2], "up", "100.00"),
    ],
)
def test_where_it_goes(acme: Tenant, get: Get, counts: list[int], direction: str, change: str | None) -> None:
    for day, count in enumerate(counts):
        for _ in range(count):
            make(acme, DAY + timedelta(days=day))
    window = {"start_date": "2026-03-10", "end_date": str((DAY + timedelta(days=len(counts) - 1)).date())}
    body = ok(get("analytics/trends", **window))
    assert [int(point["value"]) for point in body["data_points"]] == counts
    assert (body["direction"], body["percentage_change"]) == (direction, change)


def test_trends_of_users_and_of_one_currency(acme: Tenant, get: Get) -> None:
    for user, currency in [("anna", "USD"), ("anna", "USD"), ("jonas", "EUR")]:
        make(acme, DAY, user_id=user, billing_info={"total_cost": "1.5", "currency": currency})
    window = {"start_date": "2026-03-10", "end_date": "2026-03-10"}
    users = ok(get("analytics/trends", metric="unique_users", **window))
    assert [point["value"] for point in users["data_points"]] == ["2"]
    refused = get("analytics/trends", metric="total_cost", **window)
    assert refused.status_code == 400
    assert "EUR, USD" in refused.json()["errors"][0]["message"]
    costs = ok(get("analytics/trends", metric="total_cost", currency="USD", **window))
    assert [point["value"] for point in costs["data_points"]] == ["3"]


def test_the_running_period_is_no_fall(acme: Tenant, get: Get) -> None:
    with time_machine.travel(DAY + 2.5 * HOUR):
        make(acme, DAY - HOUR)
        make(acme, DAY)
        body = ok(get("analytics/trends", period="hour"))
    starts = [point["period_start"] for point in body["data_points"]]
    assert (len(starts), starts[0], starts[-1]) == (23, "2026-03-09T03:00:00Z", "2026-03-10T01:00:00Z")
    assert body["direction"] == "up"


def test_it_takes_few_queries(acme: Tenant, get: Get, django_assert_max_num_queries: Any) -> None:
    for day in range(5):
        make(acme, DAY + timedelta(days=day), user_id=f"u{day}")
    work()
    get("usage/costs")  # the key is looked up once
    for path in ("usage/aggregate", "usage/by-service", "usage/costs", "analytics/trends"):
        with django_assert_max_num_queries(5):
            ok(get(path, **MARCH))

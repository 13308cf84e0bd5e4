"""What a filter says of resources and of costs, the same on both databases."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.filters import COSTS, RESOURCES, filter_q, read_filter
from inventory.models import CostLine, Resource
from inventory.services.bulk import Sent, costs_bulk, resources_bulk
from inventory.tests.rows import cost, resource

pytestmark = pytest.mark.every_case

Found = Callable[[str], set[str]]


@pytest.fixture
def resources(acme: Tenant) -> Found:
    """The ids of the resources that a filter finds."""
    rows = [
        resource("a", cost_daily="9", utilization={"cpu": 3}, name="Web 1", cloud_account_id="123"),
        resource(
            "b",
            provider="gcp",
            region="eu-west-1",
            cost_daily="10.5",
            tags={"env": "dev", "n": 10, "ok": True},
        ),
        resource("c", provider="azure", cost_daily=None, tags={}, cloud_account_id="", created_at=None),
    ]
    resources_bulk(by=SYSTEM.enter("acme"), sent=Sent(rows))

    def found(text: str) -> set[str]:
        rows = Resource.objects.for_tenant(acme).filter(filter_q(read_filter(text, RESOURCES), RESOURCES))
        return {row.resource_id.removeprefix("i-") for row in rows}

    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "abc"),
        ("provider=aws", "a"),
        ("provider != aws", "bc"),
        ("provider in (aws, gcp)", "ab"),
        ("not provider in (aws, gcp)", "c"),
        ("tag:env=prod", "a"),
        ("tag:env != prod", "bc"),
        ("exists tag:env", "ab"),
        ("not exists tag:env", "c"),
        ("tag:n = 10", "b"),
        ('tag:n = "10"', "b"),
        ("not tag:ok = true", "ac"),
        ("tag:ok = true and tag:n != 010", "b"),
        ("tag:ok = yes", ""),
        ("resource_id ~ -", "abc"),
        ("tag:n > 9", "b"),
        ("tag:n < 9", ""),
        ("tag:env in (dev, prod)", "ab"),
        ("tag:env ^= pr", "a"),
        ("tag:env ~ ev", "b"),
        ("cost_daily >= 9 and cost_daily < 10.5", "a"),
        ("cost_daily > 9.0", "b"),
        ("not cost_daily > 9.0", "ac"),
        ("cost_daily in (9.00, 10.50)", "ab"),
        ("exists cost_daily", "ab"),
        ("utilization:cpu < 5", "a"),
        ("region ^= eu", "b"),
        ("region ^= EU", ""),
        ('name = "Web 1" or account = 123', "a"),
        ("not exists account", "c"),
        ("account != 123", "bc"),
        ("not exists name", "bc"),
        ("created_at < 2025-01-02", "ab"),
        ("(provider = aws or provider = gcp) and not region = us-east-1", "b"),
    ],
)
def test_resources_by_filter(resources: Found, text: str, expected: str) -> None:
    assert resources(text) == set(expected)


@pytest.fixture
def costs(acme: Tenant) -> Found:
    """The services of the lines that a filter finds."""
    rows = [
        cost(service_name="a", cost_amount="9", tags={"env": "prod"}),
        cost(service_name="b", cost_amount="-10", cost_date="2025-02-01", region="", currency="EUR"),
        cost(service_name="c", cost_amount="100", cloud_account_id="", list_cost="120", resource_id="i-1"),
    ]
    costs_bulk(by=SYSTEM.enter("acme"), sent=Sent(rows))

    def found(text: str) -> set[str]:
        rows = CostLine.objects.for_tenant(acme).filter(filter_q(read_filter(text, COSTS), COSTS))
        return set(rows.values_list("charge__service_name", flat=True))

    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("billed_cost > 10", "c"),
        ("billed_cost < 0", "b"),
        ("day >= 2025-01-01 and day < 2025-02-01", "ac"),
        ("not exists region", "b"),
        ("exists list_cost", "c"),
        ("not list_cost > 100", "ab"),
        ("tag:env = prod or currency = EUR", "ab"),
        ("resource_id = i-1 and source = bills", "c"),
        ("not exists account", "c"),
        ("service_name >= b", "bc"),
        ("charge_start >= 2025-02-01T00:00:00Z", "b"),
    ],
)
def test_costs_by_filter(costs: Found, text: str, expected: str) -> None:
    assert costs(text) == set(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("owner = x", "filter: at character 1: expected one of account, cost_daily,"),
        ("tag = x", "filter: at character 1: expected one of"),
        ("region:x = y", "filter: at character 1: expected one of"),
        (
            "provider = aws and cost_daily > x",
            "filter: at character 20: expected a number to compare cost_daily",
        ),
        ("created_at > soon", "filter: at character 1: expected a moment such as"),
        ("cost_daily ~ 5x", "filter: at character 1: expected a number to compare cost_daily with."),
        ("cost_daily = ", "filter: at character 14: expected a text or a number."),
    ],
)
def test_what_is_no_filter_of_resources(text: str, message: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        read_filter(text, RESOURCES)
    assert caught.value.message.startswith(message)


def test_the_lists_take_filters_and_say_what_is_wrong_with_them(
    api: Any, resources: Found, costs: Found
) -> None:
    found = api.get("/api/v1/resources", {"filter": "tag:env = prod", "region": "us-east-1"}).json()
    assert [row["resource_id"] for row in found["items"]] == ["i-a"]
    found = api.get("/api/v1/costs", {"filter": "tag:env = prod", "start": "2025-01-01"}).json()
    assert [row["charge"]["service_name"] for row in found["items"]] == ["a"]
    for path in ("resources", "costs"):
        answer = api.get(f"/api/v1/{path}", {"filter": "price = 5"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "filter")

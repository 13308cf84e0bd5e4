"""Price rules over HTTP: made by admins, checked, never two for the same usage."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, AuditEntry, Tenant, User
from accounts.wire import encode
from usage.models import PriceRule
from usage.tests.bills import make_rule

pytestmark = pytest.mark.django_db
Client = Callable[..., APIClient]
RULES = "/api/v1/price-rules"
TIERS = [{"up_to": 1000, "rate": "0.5"}, {"rate": "0.25"}]


def body(**fields: Any) -> dict[str, Any]:
    values = {
        "service_type": "llm_service",
        "unit": "input_tokens",
        "currency": "EUR",
        "scheme": "graduated",
        "tiers": TIERS,
        "valid_from": "2026-01-01T00:00:00Z",
        **fields,
    }
    return {name: value for name, value in values.items() if value != "absent"}


def send(client: APIClient, document: dict[str, Any], path: str = RULES, method: str = "post") -> Any:
    return getattr(client, method)(path, data=encode(document), content_type="application/json")


def test_a_rule_is_made_listed_changed_and_ended(client_for: Client, owner: User, acme: Tenant) -> None:
    client = client_for(owner)
    made = client.post(RULES, body(minimum_charge="1.50", model_or_tier="gpt-4"))
    assert made.status_code == 201, made.content
    rule = made.json()
    assert rule["tiers"] == [
        {"rate": "0.5", "up_to": "1000", "size": None},
        {"rate": "0.25", "up_to": None, "size": None},
    ]
    assert (rule["minimum_charge"], rule["valid_until"], rule["is_active"]) == ("1.5", None, True)
    path = f"{RULES}/{rule['id']}"
    assert client.get(path).json() == rule
    assert client.get(RULES, {"service_type": "llm_service", "is_active": "true"}).json()["items"] == [rule]
    changed = client.patch(path, {"valid_until": "2026-05-01T02:00:00+02:00"})
    assert changed.json()["valid_until"] == "2026-05-01T00:00:00Z"
    assert {**changed.json(), "valid_until": None, "updated_at": rule["updated_at"]} == rule
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["is_active"] is False
    assert client.patch(path, {"currency": "USD"}).status_code == 409
    entries = AuditEntry.objects.filter(tenant=acme).order_by("pk")
    assert [entry.action for entry in entries] == [
        "price_rule.created", "price_rule.updated", "price_rule.deleted",
    ]  # fmt: skip
    assert entries[1].changes == {"valid_until": [None, "2026-05-01T00:00:00+00:00"]}
    assert ActivityEntry.objects.filter(type__startswith="price_rule.").count() == 3


def test_an_exact_json_number_is_taken(client_for: Client, owner: User) -> None:
    number = b"0.12345678901234567890123456789"
    text = encode(body(scheme="per_unit", tiers=[{"rate": 7}])).replace(b'"rate":7', b'"rate":' + number)
    made = client_for(owner).post(RULES, data=text, content_type="application/json")
    assert made.json()["tiers"] == [{"rate": number.decode(), "up_to": None, "size": None}]


def test_members_read_and_admins_write(client_for: Client, member: User, viewer: User, acme: Tenant) -> None:
    rule = make_rule(acme)
    for person in (member, viewer):
        client = client_for(person)
        assert client.get(RULES).json()["total"] == 1
        assert client.post(RULES, body()).status_code == 403
        assert client.patch(f"{RULES}/{rule.pk}", {"currency": "EUR"}).status_code == 403
        assert client.delete(f"{RULES}/{rule.pk}").status_code == 403
    rule.refresh_from_db()
    assert (rule.currency, rule.is_active, PriceRule.objects.count()) == ("USD", True, 1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tiers": []}, "tiers"),
        ({"tiers": "absent"}, "tiers"),
        ({"tiers": [{"rate": "1"}, {"rate": "2"}]}, "tiers"),
        ({"tiers": [{"rate": "1", "up_to": 10}]}, "tiers"),
        ({"tiers": [{"rate": "1", "up_to": 10}, {"rate": "1", "up_to": 10}, {"rate": "1"}]}, "tiers"),
        ({"tiers": [{"rate": "1", "up_to": 0}, {"rate": "1"}]}, "tiers"),
        ({"tiers": [{"rate": "1", "size": 10}]}, "tiers"),
        ({"tiers": [{"rate": "-1"}]}, "tiers"),
        ({"tiers": [{"rate": "cheap"}]}, "tiers"),
        ({"tiers": [{"rate": "NaN"}]}, "tiers"),
        ({"tiers": [{"rate": "1e40"}]}, "tiers"),
        ({"scheme": "flat"}, "tiers"),
        ({"scheme": "package", "tiers": [{"rate": "1"}]}, "tiers"),
        ({"scheme": "package", "tiers": [{"rate": "1", "size": "0"}]}, "tiers"),
        ({"scheme": "barter"}, "scheme"),
        ({"currency": "euro"}, "currency"),
        ({"minimum_charge": "-1"}, "minimum_charge"),
        ({"valid_from": "2026-01-01T00:30:00Z"}, "valid_from"),
        ({"valid_from": "2026-01-01T00:00:00+05:30"}, "valid_from"),
        ({"valid_until": "2026-01-01T00:00:00Z"}, "valid_until"),
        ({"unit": ""}, "unit"),
    ],
)
def test_what_is_wrong_is_named(client_for: Client, owner: User, fields: dict[str, Any], field: str) -> None:
    answer = client_for(owner).post(RULES, body(**fields))
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not PriceRule.objects.exists()


@pytest.mark.every_case
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 409),
        ({"currency": "USD", "scheme": "flat", "tiers": [{"rate": "1"}]}, 409),
        ({"valid_from": "2027-01-01T00:00:00Z"}, 201),
        ({"valid_from": "2026-12-31T23:00:00Z"}, 409),
        ({"valid_from": "2025-01-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, 201),
        ({"valid_from": "2025-01-01T00:00:00Z", "valid_until": "2026-01-01T01:00:00Z"}, 409),
        ({"valid_from": "2025-01-01T00:00:00Z"}, 409),
        ({"unit": "output_tokens"}, 201),
        ({"model_or_tier": "gpt-4"}, 201),
        ({"service_provider": "openai"}, 201),
        ({"event_type": "chat"}, 201),
        ({"service_type": "api_service"}, 201),
    ],
)
def test_no_two_rules_price_the_same_usage_at_one_time(
    client_for: Client, owner: User, stranger: User, fields: dict[str, Any], status: int
) -> None:
    first = body(valid_until="2027-01-01T00:00:00Z")
    assert client_for(stranger).post(RULES, first).status_code == 201
    assert client_for(owner).post(RULES, first).status_code == 201
    assert client_for(owner).post(RULES, body(**fields)).status_code == status
    assert PriceRule.objects.for_tenant(owner.memberships.get().tenant).count() == (2 if status == 201 else 1)


def test_a_change_may_not_run_into_another_rule(client_for: Client, owner: User) -> None:
    client = client_for(owner)
    old = client.post(RULES, body(valid_until="2026-06-01T00:00:00Z")).json()
    new = client.post(RULES, body(valid_from="2026-06-01T00:00:00Z")).json()
    refused = client.patch(f"{RULES}/{old['id']}", {"valid_until": None})
    assert refused.status_code == 409
    assert new["id"] in refused.json()["message"]
    assert client.get(f"{RULES}/{old['id']}").json() == old
    assert client.delete(f"{RULES}/{new['id']}").status_code == 204
    assert client.patch(f"{RULES}/{old['id']}", {"valid_until": None}).status_code == 200


def test_a_change_of_scheme_needs_its_tiers(client_for: Client, owner: User) -> None:
    client = client_for(owner)
    rule = client.post(RULES, body()).json()
    path = f"{RULES}/{rule['id']}"
    assert client.patch(path, {"scheme": "flat"}).status_code == 400
    assert client.get(path).json()["scheme"] == "graduated"
    assert client.patch(path, {"scheme": "flat", "tiers": [{"rate": "9.90"}]}).status_code == 200

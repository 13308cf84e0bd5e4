"""Meters over HTTP: defined, changed, asked, removed; by their tenant alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts.models import ActivityEntry, AuditEntry, Tenant, User
from usage.models import Meter, UsageEvent
from usage.tests.sums import mark

NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
TOKENS: Final = {
    "slug": "tokens", "name": "Tokens", "filter": 'service_type = "llm_service"', "value": "metrics.tokens",
    "aggregation": "sum", "unit": "tokens",
}  # fmt: skip
Client = Callable[..., APIClient]
Key = Callable[..., str]


def make(tenant: Tenant, *rows: dict[str, Any]) -> None:
    fixed = {"user_id": "anna", "service_type": "llm_service", "service_provider": "x", "event_type": "y"}
    for number, row in enumerate(rows):
        event = UsageEvent.objects.create(
            tenant=tenant, **{**fixed, "event_id": f"e{number}", "timestamp": NOON, **row}
        )
        mark(tenant, event.timestamp)


@pytest.fixture
def api(client_for: Client, key: Key) -> Any:
    return client_for(key("write"))


def test_a_meter_is_defined_and_told(api: Any, acme: Tenant) -> None:
    answer = api.post("/api/v1/meters", TOKENS)
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert {name: body[name] for name in TOKENS} == TOKENS
    assert (body["percentile"], body["is_active"]) == (None, True)
    assert api.get("/api/v1/meters/tokens").json() == body
    assert api.get("/api/v1/meters").json()["items"] == [body]
    assert AuditEntry.objects.get(action="meter.created").tenant == acme
    assert ActivityEntry.objects.get(type="meter.created").payload["slug"] == "tokens"


def test_a_slug_is_taken_once_in_a_tenant(api: Any, rival: Tenant) -> None:
    Meter.objects.create(tenant=rival, slug="tokens", name="Theirs")
    assert api.post("/api/v1/meters", TOKENS).status_code == 201
    assert api.post("/api/v1/meters", TOKENS).status_code == 409
    assert Meter.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"filter": "user_id = "}, "filter", "at character 10: expected a text or a number."),
        ({"filter": 'price = "1"'}, "filter", "at character 1: expected metrics.x"),
        ({"value": "metrics"}, "value", "at character 1: expected a key after metrics"),
        ({"value": "user_id"}, "value", "sum needs a number, such as metrics.x."),
        ({"value": "1", "aggregation": "max"}, "value", "max needs a property, such as metrics.x."),
        ({"aggregation": "percentile"}, "percentile", "give it with the aggregation percentile"),
        ({"percentile": "95"}, "percentile", "give it with the aggregation percentile"),
        ({"aggregation": "percentile", "percentile": "0"}, "percentile", "Ensure this value is greater"),
        ({"aggregation": "percentile", "percentile": "100.1"}, "percentile", "Ensure this value is less"),
        ({"aggregation": "median"}, "aggregation", ""),
        ({"slug": "not a slug"}, "slug", ""),
    ],
)
def test_a_definition_that_says_nothing_is_refused(api: Any, changes: Any, field: str, message: str) -> None:
    answer = api.post("/api/v1/meters", {**TOKENS, **changes})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]
    assert not Meter.objects.exists()


def test_a_change_is_checked_whole_and_audited(api: Any) -> None:
    api.post("/api/v1/meters", TOKENS)
    assert api.patch("/api/v1/meters/tokens", {"value": "1", "aggregation": "min"}).status_code == 400
    answer = api.patch("/api/v1/meters/tokens", {"aggregation": "percentile", "percentile": "99.9"})
    assert answer.status_code == 200, answer.json()
    assert (answer.json()["aggregation"], answer.json()["percentile"]) == ("percentile", "99.900")
    changes = AuditEntry.objects.get(action="meter.updated").changes
    assert changes == {"aggregation": ["sum", "percentile"], "percentile": [None, "99.9"]}


def test_a_meter_is_removed_and_its_events_stay(api: Any, acme: Tenant) -> None:
    make(acme, {})
    api.post("/api/v1/meters", TOKENS)
    assert api.delete("/api/v1/meters/tokens").status_code == 204
    assert api.get("/api/v1/meters/tokens").status_code == 404
    assert UsageEvent.objects.count() == 1
    assert AuditEntry.objects.filter(action="meter.deleted").count() == 1


def test_who_only_reads_defines_nothing(client_for: Client, key: Key) -> None:
    reader = client_for(key("read"))
    assert reader.post("/api/v1/meters", TOKENS).status_code == 403
    assert not Meter.objects.exists()


def test_a_stranger_finds_no_meter(client_for: Client, stranger_key: str, api: Any) -> None:
    api.post("/api/v1/meters", TOKENS)
    stranger = client_for(stranger_key)
    assert stranger.get("/api/v1/meters").json()["items"] == []
    query = "/api/v1/meters/tokens/query?from=2026-03-01&to=2026-04-01"
    assert stranger.get(query).status_code == 404
    assert stranger.patch("/api/v1/meters/tokens", {"name": "x"}).status_code == 404
    assert stranger.delete("/api/v1/meters/tokens").status_code == 404
    assert Meter.objects.get().name == "Tokens"


def test_figures_by_day_and_group(api: Any, acme: Tenant) -> None:
    make(
        acme,
        {"metrics": {"tokens": Decimal("0.1")}, "metadata": {"plan": "pro"}},
        {"metrics": {"tokens": Decimal("0.20")}, "metadata": {"plan": "pro"}},
        {"metrics": {"tokens": 5}, "timestamp": NOON + timedelta(hours=11)},
        {"metrics": {"tokens": 7}, "service_type": "compute"},
    )
    api.post("/api/v1/meters", TOKENS)
    asked = {
        "from": "2026-03-10", "to": "2026-03-12", "window": "day", "timezone": "Europe/Berlin",
        "group_by": "metadata.plan, user_id",
    }  # fmt: skip
    with time_machine.travel(NOON + timedelta(days=3)):
        answer = api.get("/api/v1/meters/tokens/query", asked)
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert abs(datetime.fromisoformat(body.pop("complete_through")) - NOON - timedelta(days=3)) < timedelta(
        minutes=1
    )
    assert body == {
        "meter": "tokens", "aggregation": "sum", "unit": "tokens", "window": "day",
        "timezone": "Europe/Berlin", "from": "2026-03-09T23:00:00Z",
        "to": "2026-03-11T23:00:00Z", "source": "raw", "pending": 0,
        "rows": [
            {
                "start": "2026-03-09T23:00:00Z", "end": "2026-03-10T23:00:00Z", "value": "0.3",
                "group": {"metadata.plan": "pro", "user_id": "anna"},
            },
            {
                "start": "2026-03-10T23:00:00Z", "end": "2026-03-11T23:00:00Z", "value": "5",
                "group": {"metadata.plan": None, "user_id": "anna"},
            },
        ],
    }  # fmt: skip


def test_the_zone_is_the_tenants_unless_given(api: Any, acme: Tenant) -> None:
    Tenant.objects.filter(pk=acme.pk).update(timezone="Asia/Kolkata")
    api.post("/api/v1/meters", TOKENS)
    body = api.get("/api/v1/meters/tokens/query", {"from": "2026-03-10", "to": "2026-03-11T00:00:00Z"}).json()
    assert (body["from"], body["to"]) == ("2026-03-09T18:30:00Z", "2026-03-11T00:00:00Z")
    assert (body["timezone"], body["rows"][0]["value"]) == ("Asia/Kolkata", "0")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from": ""}, "from"), ({"from": "noon"}, "from"), ({"from": "0001-01-01"}, "from"),
        ({"to": "2026-03-01"}, "to"), ({"to": "9999-12-31"}, "to"), ({"window": "year"}, "window"),
        ({"timezone": "Mars/Olympus"}, "timezone"), ({"filter": "x"}, "filter"),
        ({"group_by": "x"}, "group_by"),
        ({"group_by": "user_id,model,tags,event_id"}, "group_by"), ({"window": "minute"}, "window"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered(api: Any, changes: dict[str, str], field: str) -> None:
    api.post("/api/v1/meters", TOKENS)
    asked = {"from": "2026-03-01", "to": "2026-04-01", **changes}
    answer = api.get("/api/v1/meters/tokens/query", asked)
    assert answer.status_code == 400, answer.json()
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_meter_that_is_off_answers_409(api: Any) -> None:
    api.post("/api/v1/meters", {**TOKENS, "is_active": False})
    asked = {"from": "2026-03-01", "to": "2026-04-01"}
    assert api.get("/api/v1/meters/tokens/query", asked).status_code == 409


def test_the_back_office_defines_changes_and_removes(client: Any, staff: User, acme: Tenant) -> None:
    client.force_login(staff)
    form = {**TOKENS, "tenant": acme.pk, "percentile": "", "description": "", "is_active": "on"}
    assert client.post("/admin/usage/meter/add/", {**form, "filter": "user_id ="}).status_code == 302
    assert not Meter.objects.exists()
    client.post("/admin/usage/meter/add/", form)
    meter = Meter.objects.get()
    client.post(f"/admin/usage/meter/{meter.pk}/change/", {**form, "value": "metrics.input"})
    meter.refresh_from_db()
    assert meter.value == "metrics.input"
    assert client.get("/admin/usage/meter/").status_code == 200
    client.post(f"/admin/usage/meter/{meter.pk}/delete/", {"post": "yes"})
    assert not Meter.objects.exists()
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["meter.created", "meter.updated", "meter.deleted"]

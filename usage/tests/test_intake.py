"""What a body becomes: the contract's fields, their defaults, and times in UTC."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from accounts.errors import PermissionRefused, ValidationFailed
from usage import intake
from usage.tests.documents import ACME, admit, as_bytes, batch, event

NOW = datetime(2026, 3, 10, 12, 30, 15, 250_000, tzinfo=UTC)


def take(**fields: Any) -> intake.Event:
    return intake.take_one(as_bytes(event(**fields)), admit)[0]


def refusal(document: Any) -> ValidationFailed:
    with pytest.raises(ValidationFailed) as caught:
        intake.take_one(as_bytes(document), admit)
    return caught.value


def test_every_field_of_the_contract_is_kept() -> None:
    sent = {
        "event_id": "e-1",
        "timestamp": "2026-03-01T10:00:00Z",
        "metrics": {"hours": 1.5, "cores": 4, "nested": {"a": [1, 2.25]}},
        "billing_info": {"total_cost": "0.10", "currency": "EUR"},
        "tags": ["prod", "größe"],
        "metadata": {"region": "eu-1"},
        "session_id": "s-1",
        "request_id": "r-1",
    }
    taken, tenant = intake.take_one(as_bytes(event(**sent)), admit)
    assert tenant is ACME
    assert taken == intake.Event(
        tenant_id="acme",
        user_id="anna",
        service_type="compute",
        service_provider="aws",
        event_type="hours",
        event_id="e-1",
        timestamp=datetime(2026, 3, 1, 10, tzinfo=UTC),
        metrics={"hours": Decimal("1.5"), "cores": 4, "nested": {"a": [1, Decimal("2.25")]}},
        billing_info={"total_cost": "0.10", "currency": "EUR"},
        tags=["prod", "größe"],
        metadata={"region": "eu-1"},
        session_id="s-1",
        request_id="r-1",
    )


@pytest.mark.parametrize("absent", [{}, {"event_id": None, "timestamp": None, "metrics": None, "tags": None}])
def test_defaults(absent: dict[str, None]) -> None:
    taken, _ = intake.take_one(as_bytes(event() | absent), admit)
    assert taken.timestamp is None
    assert UUID(taken.event_id or "").version == 7
    assert (taken.metrics, taken.billing_info, taken.tags, taken.metadata) == (None, None, None, None)
    assert (taken.session_id, taken.request_id) == (None, None)


def test_events_without_an_id_get_one_each() -> None:
    taken = intake.take_batch(as_bytes(batch(*[event()] * 50)), admit)
    assert len({item.event_id for item in taken.events}) == 50


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("2026-03-01T10:00:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01 10:00:00z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026-03-01T10:00:00+02:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01T10:00:00-0530", datetime(2026, 3, 1, 15, 30, tzinfo=UTC)),
        ("2026-03-01T23:59:00+23:59", datetime(2026, 3, 1, 0, 0, tzinfo=UTC)),
        ("2026-03-01T00:00:00-23:59", datetime(2026, 3, 1, 23, 59, tzinfo=UTC)),
        ("2026-03-01T10:00:00.123456789Z", datetime(2026, 3, 1, 10, 0, 0, 123_457, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1970-01-01T23:59:00+23:59", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2200-01-01T00:00:00+00:01", datetime(2199, 12, 31, 23, 59, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_kept_in_utc(sent: str, meant: datetime) -> None:
    taken = take(timestamp=sent).timestamp
    assert taken is not None
    assert (taken, taken.utcoffset()) == (meant, timedelta(0))


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("0001-01-01T00:00:00+23:59", "it is outside the calendar"),
        ("9999-12-31T23:59:59-23:59", "it is outside the calendar"),
        ("0001-01-01T00:00:00Z", "it must be from 1970 to 2199"),
        ("1969-12-31T23:59:59Z", "it must be from 1970 to 2199"),
        ("1970-01-01T00:00:00+00:01", "it must be from 1970 to 2199"),
        ("2200-01-01T00:00:00", "it must be from 1970 to 2199"),
        ("2026-02-30T00:00:00Z", "Invalid RFC3339 encoded datetime"),
        ("2026-03-01T24:00:00Z", "Invalid RFC3339 encoded datetime"),
        ("2026-03-01T23:59:60Z", "Invalid RFC3339 encoded datetime"),
        ("2026-03-01", "Invalid RFC3339 encoded datetime"),
        ("yesterday", "Invalid RFC3339 encoded datetime"),
        ("", "Invalid RFC3339 encoded datetime"),
        (1_772_359_200, "Expected datetime | null, got int"),
    ],
)
def test_a_timestamp_that_is_none(sent: str | int, message: str) -> None:
    error = refusal(event(timestamp=sent))
    assert error.message == f"Invalid event data: timestamp: {message}"
    assert error.errors == [{"field": "timestamp", "message": message}]


@pytest.mark.parametrize("name", ["tenant_id", "user_id", "service_type", "service_provider", "event_type"])
def test_a_required_field_that_is_missing(name: str) -> None:
    error = refusal(event(**{name: None}))
    assert error.message == f"Invalid event data: missing required field '{name}'"
    assert error.errors == [{"field": name, "message": f"missing required field '{name}'"}]


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"user_id": 7}, "user_id", "Expected str, got int"),
        ({"user_id": ""}, "user_id", "Expected str of length >= 1"),
        ({"user_id": "x" * 256}, "user_id", "Expected str of length <= 255"),
        ({"service_type": "x" * 51}, "service_type", "Expected str of length <= 50"),
        ({"event_id": ""}, "event_id", "Expected str of length >= 1"),
        ({"event_id": "x" * 256}, "event_id", "Expected str of length <= 255"),
        ({"event_id": 12}, "event_id", "Expected str | null, got int"),
        ({"session_id": "x" * 256}, "session_id", "Expected str of length <= 255"),
        ({"metrics": [1]}, "metrics", "Expected object | null, got array"),
        ({"metrics": "1"}, "metrics", "Expected object | null, got str"),
        ({"metadata": True}, "metadata", "Expected object | null, got bool"),
        ({"tags": "prod"}, "tags", "Expected array | null, got str"),
        ({"tags": ["a", 7]}, "tags[1]", "Expected str, got int"),
        ({"tags": [""]}, "tags[0]", "Expected str of length >= 1"),
        ({"tags": ["x" * 256]}, "tags[0]", "Expected str of length <= 255"),
        ({"tags": ["a"] * 101}, "tags", "Expected array of length <= 100"),
    ],
)
def test_a_field_of_the_wrong_kind(fields: dict[str, Any], field: str, message: str) -> None:
    error = refusal(event(**fields))
    assert error.errors == [{"field": field, "message": message}]
    assert error.message == f"Invalid event data: {field}: {message}"


def test_the_longest_texts_are_taken() -> None:
    taken = take(user_id="é" * 255, service_type="x" * 50, event_id="x" * 255, tags=["a" * 255] * 100)
    assert (taken.user_id, taken.service_type, len(taken.tags or [])) == ("é" * 255, "x" * 50, 100)


@pytest.mark.parametrize("document", [[], [event()], "event", 7, None, True])
def test_an_event_is_an_object(document: Any) -> None:
    assert refusal(document).message == "Invalid event data: an event is a JSON object"


def test_a_foreign_tenant_is_refused() -> None:
    with pytest.raises(PermissionRefused, match="The API key belongs to another tenant"):
        intake.take_one(as_bytes(event(tenant_id="rival")), admit)


@pytest.mark.parametrize("name", ["status", "id", "received_at", "client_ip"])
def test_fields_that_are_not_the_senders_change_no_column(name: str) -> None:
    taken = take(**{name: "mine"})
    assert taken.metadata == {name: "mine"}
    assert taken.metrics is None

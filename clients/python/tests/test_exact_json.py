"""What goes over the wire is what was given, to the last digit."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyledger_client.events import new_id, prepare
from skyledger_client.exact import dumps, loads

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    text = dumps(value)
    assert loads(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.10"), "0.10"),
        (Decimal("12345678901234567890.000000000000000001"), "12345678901234567890.000000000000000001"),
        (Decimal("1E+3"), "1E+3"),
        (0.1, "0.1"),
        (True, "true"),
        ({"ä": ("x", None)}, '{"ä":["x",null]}'),
    ],
)
def test_the_text_of(value: Any, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("-Infinity")])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a JSON number"):
        dumps({"n": value})


@pytest.mark.parametrize("value", [{1: 2}, {"a": {1}}, b"bytes", datetime(2026, 3, 1, tzinfo=UTC)])
def test_what_json_does_not_know_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


def test_a_moment_is_written_in_utc_and_never_without_a_zone() -> None:
    moment = datetime(2026, 3, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    event = prepare({"user_id": "anna", "timestamp": moment, "session_id": None}, "acme").event
    assert event == {
        "user_id": "anna",
        "timestamp": "2026-02-28T23:30:00.123456+00:00",
        "tenant_id": "acme",
        "event_id": event["event_id"],
    }
    with pytest.raises(ValueError, match="no time zone"):
        prepare({"timestamp": datetime(2026, 3, 1)}, None)  # noqa: DTZ001


def test_what_is_given_stays_and_what_is_missing_is_made_once() -> None:
    given_whole = {"event_id": "e", "timestamp": "2026-03-01", "tenant_id": "rival"}
    assert prepare(given_whole, "acme").event == given_whole
    made = prepare({}, None)
    assert made.event == made.event
    assert datetime.now(UTC) - datetime.fromisoformat(made.event["timestamp"]) < timedelta(minutes=1)


def test_ids_sort_by_time() -> None:
    first, *rest = [new_id() for _ in range(100)]
    assert len({first, *rest}) == 100
    assert first[:8] == rest[-1][:8]
    assert first[14] == "7"

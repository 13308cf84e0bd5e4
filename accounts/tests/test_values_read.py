"""Values come back from both databases as they went in: numbers exact, moments in UTC."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.models.fields import ExactJSONField
from accounts.postgres import MomentLoader


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ('{"a": [1.50, true, "\\u00e9", {}]}', {"a": [Decimal("1.50"), True, "é", {}]}),
        ("12345678901234567890123456789012345678", 12345678901234567890123456789012345678),
        ("0.1000000000000000000000000000000000001", Decimal("0.1000000000000000000000000000000000001")),
        ("not JSON", "not JSON"),
    ],
)
def test_json_is_read_exactly(text: str, value: Any) -> None:
    found = ExactJSONField().from_db_value(text, None, connection)
    assert (found, type(found)) == (value, type(value))
    if isinstance(found, Decimal):
        assert str(found) == text


def test_what_a_driver_has_read_already_is_left_alone() -> None:
    assert ExactJSONField().from_db_value(None, None, connection) is None
    assert ExactJSONField().from_db_value(7, None, connection) == 7


@pytest.mark.full
@pytest.mark.django_db
def test_moments_of_postgresql_are_in_utc() -> None:
    moment = datetime(2026, 3, 29, 0, 59, 59, 7, tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz, ARRAY[%s::timestamptz], NULL::timestamptz", [moment, moment])
        assert cursor.fetchone() == (moment, [moment], None)
        cursor.execute("SELECT '1999-12-31 23:59:59-08'::timestamptz")
        (other,) = cursor.fetchone()
        loader = connection.connection.adapters.get_loader(cursor.description[0].type_code, 0)
    assert (other, other.tzinfo) == (datetime(2000, 1, 1, 7, 59, 59, tzinfo=UTC), UTC)
    assert loader is MomentLoader

"""What every connection to PostgreSQL is set to."""

from typing import Any

import pytest
from django.db import connection


@pytest.mark.full
@pytest.mark.django_db
def test_queries_are_not_compiled() -> None:
    """PostgreSQL expects much of the sums' queries, and would compile each for a second."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW jit")
        assert cursor.fetchone() == ("off",)


@pytest.mark.full
@pytest.mark.django_db
def test_no_text_of_a_statement_is_kept() -> None:
    """psycopg would keep the last hundred with all their values, a file's rows among them."""
    connection.ensure_connection()
    assert connection.connection.prepare_threshold is None


@pytest.mark.full
@pytest.mark.django_db
def test_a_connection_lives_for_ten_minutes_and_goes_when_it_is_not_needed() -> None:
    """What PostgreSQL keeps for one grows with what it was asked."""
    connection.ensure_connection()
    pool: Any = connection.pool  # type: ignore[attr-defined]
    assert pool.max_lifetime == 600
    assert pool.max_idle == 60

"""Several statements that see the database at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from accounts.replica import heavy_reads, reading


@contextmanager
def snapshot() -> Iterator[None]:
    """A transaction that only reads and holds nobody up.

    Inside another snapshot it is that one, and inside a caller's transaction that one's view: on PostgreSQL
    each statement there has its own. A replica answers it, where there is one.
    """
    if connections[DEFAULT_DB_ALIAS].in_atomic_block or getattr(reading(), "has_snapshot", False):
        yield
        return
    with heavy_reads(), _begun(reading()):
        yield


@contextmanager
def _begun(connection: Any) -> Iterator[None]:
    begin = "BEGIN"  # on SQLite Django's own would take the write lock
    if connection.vendor == "postgresql":
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    with connection.cursor() as cursor:
        cursor.execute(begin)
    connection.has_snapshot = True
    try:
        yield
    finally:
        connection.has_snapshot = False
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")

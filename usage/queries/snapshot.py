"""Several statements that see the database at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def snapshot() -> Iterator[None]:
    """A transaction that only reads and holds nobody up.

    Inside a caller's transaction it is that one's view: on PostgreSQL each statement has its own.
    """
    if connection.in_atomic_block:
        yield
        return
    begin = "BEGIN"  # on SQLite Django's own would take the write lock
    if connection.vendor == "postgresql":
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    with connection.cursor() as cursor:
        cursor.execute(begin)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")

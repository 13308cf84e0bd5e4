"""A PostgreSQL that follows the first one and answers heavy reads, where DATABASE_REPLICA_URL names it.

Whoever reads there sees all that was committed before they asked: one that is late or away is passed over.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

ALIAS: Final = "replica"
PATIENCE_SECONDS: Final = 0.5
AWAY_SECONDS: Final = 5.0  # for which one that was late or away is not asked again
FOLLOWED: Final = "SELECT coalesce(pg_last_wal_replay_lsn(), pg_current_wal_lsn()) >= %s::pg_lsn"

log = structlog.get_logger(__name__)
_passed_over_until = 0.0


class Router:
    """Reads go where `heavy_reads` sends them, and writes never to the replica."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        alias: str = reading().alias
        return alias

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, *args: Any, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def reading() -> Any:
    """The connection that this thread reads from now."""
    if ALIAS in settings.DATABASES:
        replica: Any = connections[ALIAS]
        if getattr(replica, "reads_here", False):
            return replica
    return connections[DEFAULT_DB_ALIAS]


@contextmanager
def heavy_reads() -> Iterator[None]:
    """What is read inside comes from the replica, unless a transaction of the caller's is open."""
    primary = connections[DEFAULT_DB_ALIAS]
    if primary.in_atomic_block or reading() is not primary or not _has_caught_up():
        yield
        return
    replica: Any = connections[ALIAS]
    replica.reads_here = True
    try:
        yield
    finally:
        replica.reads_here = False


def _has_caught_up() -> bool:
    """Does the replica have, within our patience, what is committed now?"""
    global _passed_over_until
    if ALIAS not in settings.DATABASES or time.monotonic() < _passed_over_until:
        return False
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn()")
        (committed,) = cursor.fetchone()
    try:
        if _follows(committed):
            return True
        reason = "late"
    except DatabaseError as error:
        connections[ALIAS].close()
        reason = str(error).strip()
    log.warning("replica_passed_over", reason=reason)
    _passed_over_until = time.monotonic() + AWAY_SECONDS
    return False


def _follows(committed: str) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    with connections[ALIAS].cursor() as cursor:
        while True:
            cursor.execute(FOLLOWED, [committed])
            if cursor.fetchone() == (True,):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)

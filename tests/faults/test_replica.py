"""Heavy reads go to a standby that has what was committed, and to nobody else's loss when it has not."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg
import pytest

from tests.faults.load import event, send_alone
from tests.faults.programs import Web
from tests.faults.stack import KEYS, Stack, eventually
from tests.servers import Standby

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not Standby.is_possible(), reason="There is no pg_basebackup here."),
]

SUMS: Final = "/api/v1/usage/aggregate?group_by=user_id&start_date=2026-11-01&end_date=2026-11-30"


@pytest.fixture
def standby(stack: Stack) -> Iterator[Standby]:
    with Standby(stack.postgres) as running:
        yield running


@pytest.fixture
def web(stack: Stack, standby: Standby) -> Iterator[Web]:
    with Web(stack.environment | {"DATABASE_REPLICA_URL": standby.url}) as running:
        yield running


@pytest.fixture
def store(stack: Stack, seed: str) -> Callable[[int], None]:
    """Sends one event, and waits until it is in the ledger."""

    def stored(number: int) -> None:
        name = f"{seed}-{number}"
        status, _ = send_alone(stack.web.port, KEYS["acme"], event("acme", name, user_id="replica-test"))
        assert status == 202
        assert eventually(lambda: len(stack.stored(name)) == 1)

    return stored


def told(web: Web) -> int:
    """Events that the sums know of."""
    buckets = web.get(SUMS, KEYS["acme"])["buckets"]
    return sum(row["event_count"] for row in buckets if row["group"] == {"user_id": "replica-test"})


def scans(standby: Standby) -> int:
    """How often the standby's rows were looked at; a statement counts once its transaction's time is over."""
    with psycopg.connect(standby.url) as connection:
        row = connection.execute(
            "SELECT sum(seq_scan + idx_scan) FROM pg_stat_user_tables WHERE relname LIKE 'usage_%'"
        ).fetchone()
    return int(row[0] or 0) if row else 0


def sql(standby: Standby, statement: str) -> Any:
    with psycopg.connect(standby.url, autocommit=True) as connection:
        return connection.execute(statement).fetchone()


def test_a_standby_answers_when_it_has_all_and_is_passed_over_when_it_has_not(
    web: Web, standby: Standby, store: Callable[[int], None]
) -> None:
    store(1)
    before = scans(standby)
    assert told(web) == 1
    assert eventually(lambda: scans(standby) > before)

    sql(standby, "SELECT pg_wal_replay_pause()")
    store(2)
    assert told(web) == 2
    sql(standby, "SELECT pg_wal_replay_resume()")

    standby.kill()
    store(3)
    started = time.monotonic()
    assert told(web) == 3
    assert time.monotonic() - started < 5
    found = {c["name"]: c["status"] for c in web.get("/status")["components"]}
    assert (found["replica"], found["database"]) == ("unhealthy", "healthy")

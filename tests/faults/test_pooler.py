"""Web, writer and aggregator behind PgBouncer in transaction mode, on two connections."""

import csv
import io
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.faults.checks import assert_kept
from tests.faults.load import Load
from tests.faults.programs import Aggregator, Web, Writer
from tests.faults.stack import KEYS, Stack, eventually, rounds
from tests.servers import PgBouncer
from tests.servers.pgbouncer import is_here

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not is_here(), reason="There is no PgBouncer here (apt install pgbouncer)."),
]

CONNECTIONS: Final = 2


@dataclass
class Pooled:
    web: Web
    writer: Writer
    aggregator: Aggregator


@pytest.fixture
def pooled(stack: Stack) -> Iterator[Pooled]:
    with PgBouncer(stack.postgres.url, connections=CONNECTIONS) as bouncer:
        environment = stack.environment | {
            "DATABASE_URL": bouncer.url,
            "DATABASE_TRANSACTION_POOLING": "true",
            "EVENT_STREAM": "faults:pooled",
        }
        running = Pooled(Web(environment), Writer(environment), Aggregator(environment))
        programs = (running.web, running.writer, running.aggregator)
        for program in programs:
            program.launch()
        for program in programs:
            program.wait_for_answer()
        yield running
        for program in programs:
            program.close()


def exported(web: Web, key: str, name: str) -> set[str]:
    """Ids of the events in a file of all usage, which is read through a cursor of the server."""
    request = urllib.request.Request(
        f"{web.url}/api/v1/usage/export?format=csv&user_id=fault-test", headers={"X-API-Key": key}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        rows = csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig")))
        return {row["event_id"] for row in rows if row["event_id"].startswith(name)}


def test_nothing_is_lost_or_mixed_up_behind_a_pooler(stack: Stack, pooled: Pooled, seed: str) -> None:
    with Load([pooled.web.port], KEYS, seed) as load:
        for _ in rounds(1):
            for tenant, key in KEYS.items():
                assert all(f"-{tenant}-" in event_id for event_id in exported(pooled.web, key, seed))
    assert load.answers.keys() <= {"queued", "stored"}
    assert eventually(lambda: len(stack.stored(seed)) >= len(load.acked))
    assert_kept(load, stack.stored(seed))
    assert eventually(lambda: stack.marked() == 0)
    assert stack.unequal() == []
    for tenant, key in KEYS.items():
        wanted = {event_id for slug, event_id in load.acked if slug == tenant}
        assert exported(pooled.web, key, seed) == wanted
    assert stack.sql("SELECT count(*) FROM pg_cursors WHERE is_holdable") == [(0,)]

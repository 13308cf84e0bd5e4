"""From the first request to the last commit: gateway, queue, two writers, PostgreSQL, sums of the hours."""

import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg
import redis

from bench.load import BATCH, COLUMNS, EVENT, body
from bench.reference.sums import SUMS
from bench.stack import KEY, ROOT, Process, Stack, fastapi, lane, running
from tests.servers.process import free_port

sys.path.append(str(ROOT / "clients/python"))
from skyledger_client import Client

WRITERS: Final = 2
SENDERS: Final = 2
HEADERS: Final = {"Content-Type": "application/json", "X-API-Key": KEY}
EMPTY: Final = "TRUNCATE usage_usageevent, usage_dirtyhour, usage_rollup, reference_sums"
COUNT: Final = "SELECT count(*) FROM usage_usageevent"
AGGREGATE: Final = """
from usage.rollups import recompute_all
print("ready", flush=True)
input()
list(recompute_all())
"""


@contextmanager
def aggregator(stack: Stack) -> Iterator[Callable[[], object]]:
    """A process of ours that has begun; call it once to have it make all sums."""
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", AGGREGATE]
    with subprocess.Popen(
        command, cwd=ROOT, env=stack.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield lambda: process.communicate("\n")
        process.terminate()


def none(_: Stack) -> AbstractContextManager[Callable[[], object]]:
    """For whoever has made all sums with the last event."""
    return nullcontext(lambda: None)


@dataclass(frozen=True, slots=True)
class Contestant:
    """`sums` tells how many events are in the sums of the hours."""

    web: Callable[[Stack, int], Process]
    stream: str
    group: str
    writer: tuple[str, ...]
    aggregator: Callable[[Stack], AbstractContextManager[Callable[[], object]]]
    sums: LiteralString


OURS: Final = Contestant(
    lane,
    "skyledger:events",
    "writers",
    ("manage.py", "write_events"),
    aggregator,
    "SELECT sum(count) FROM usage_rollup WHERE level = 'hour_total'",
)
REFERENCE: Final = Contestant(
    fastapi,
    "reference:events",
    "reference",
    ("-m", "bench.reference.consumer"),
    none,
    "SELECT sum(count) FROM reference_sums",
)


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """Committed events per second until the queue was empty, the same until they were summed up as well, and
    how late probes became visible."""

    rate: float
    summed_rate: float
    lag_p50_ms: float
    lag_p99_ms: float


def end_to_end(stack: Stack, whose: Contestant, *, events: int) -> EndToEnd:
    """Send `events` in batches of 1000 with ids of their own, and wait until all are in the tables.

    Our sums are made right after that, also of the hour that runs. In service they wait until an hour is over
    and its events pause for half a minute, and questions are answered from the events till then.
    """
    port = free_port()
    client = redis.Redis.from_url(stack.redis.url)
    client.xgroup_create(whose.stream, whose.group, id="0", mkstream=True)
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        empty(connection)
        processes = [whose.web(stack, port), *(stack.process(*whose.writer) for _ in range(WRITERS))]
        with running(*processes), whose.aggregator(stack) as aggregate:
            wait(lambda: _consumers(client, whose) == WRITERS)
            started = time.perf_counter()
            lags, stored = _sent(stack, port, events, lambda: client.xlen(whose.stream) == 0)
            aggregating = time.perf_counter()
            aggregate()
            summing = time.perf_counter() - aggregating
        sent, seconds = events + len(lags), stored - started
        found = [_number(connection, question) for question in (COUNT, whose.sums)]
    stack.empty_redis()
    if found != [sent, sent]:
        raise SystemExit(f"{sent} events were accepted, {found[0]} stored and {found[1]} summed up.")
    cuts = statistics.quantiles(lags, n=100) if len(lags) > 1 else [0.0] * 99
    return EndToEnd(sent / seconds, sent / (seconds + summing), cuts[49] * 1000, cuts[98] * 1000)


def empty(connection: "psycopg.Connection[tuple[int]]") -> None:
    """All tables of both contestants, of which the reference's is there from now on."""
    connection.execute(SUMS)
    connection.execute(EMPTY)


def _sent(stack: Stack, port: int, events: int, is_stored: Callable[[], bool]) -> tuple[list[float], float]:
    """The lags of the probes that were sent beside the events, and when all were stored."""
    done = threading.Event()
    with ThreadPoolExecutor(1) as prober:
        lags = prober.submit(_probe, port, stack, done)
        _send(port, events // BATCH)
        wait(is_stored)
        stored = time.perf_counter()
        done.set()
        return lags.result(), stored


def _consumers(client: "redis.Redis", whose: Contestant) -> int:
    groups: Any = client.xinfo_groups(whose.stream)
    return int(groups[0]["consumers"])


def wait(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("The bench waited two minutes for the writers.")
        time.sleep(0.02)


def _number(connection: "psycopg.Connection[tuple[int]]", question: LiteralString) -> int:
    row = connection.execute(question).fetchone()
    return row[0] if row else 0


def _send(port: int, batches: int) -> None:
    """wrk repeats one body; here each event has an id of its own, as a client's has."""
    halves = [str(batches // SENDERS)] * SENDERS
    senders = [subprocess.Popen([sys.executable, "-m", "bench.endtoend", str(port), half]) for half in halves]
    if any(sender.wait() for sender in senders):
        raise SystemExit("A sender failed.")


def send_batches(port: int, batches: int) -> None:
    """Post batches over two connections; the ids are made before the clock matters."""
    template = body(batch=True).replace('{"tenant_id"', '{"event_id":"%s","tenant_id"')
    prefix = uuid.uuid4().hex[:12]

    def work(worker: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for number in range(worker, batches, 2):
            start = f"{number:08d}-"
            ids = tuple(f"{start}{prefix}-{index:06d}" for index in range(BATCH))
            # Usage of the last hour, so that some of the hours are over and others are not.
            moment = datetime.now(UTC) - timedelta(minutes=number % 60)
            batch = (template % ids).replace(EVENT["timestamp"], moment.isoformat())
            connection.request("POST", "/api/v1/events/batch", batch.encode(), HEADERS)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 202:
                raise SystemExit(f"A batch was answered {answer.status}.")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))


def _probe(port: int, stack: Stack, done: threading.Event) -> list[float]:
    """Seconds from the answer to one event until a reader sees it, again and again."""
    lags = []
    client = Client(f"http://127.0.0.1:{port}", KEY)
    with client, psycopg.connect(stack.postgres.url, autocommit=True) as reader:
        while not done.is_set():
            event_id = str(uuid.uuid4())
            client.send({**EVENT, "event_id": event_id})
            answered = time.perf_counter()
            query = "SELECT 1 FROM usage_usageevent WHERE tenant_id = %s AND event_id = %s"
            while reader.execute(query, [stack.tenant_id, event_id]).fetchone() is None:
                time.sleep(0.005)
            lags.append(time.perf_counter() - answered)
            time.sleep(0.05)
    return lags


def copy_rate(stack: Stack, batches: int = 100) -> float:
    """Rows per second of plain COPY into the same table, 1000 a transaction, from ready text."""
    now = datetime.now(UTC).isoformat()
    documents = [json.dumps(EVENT.get(name, {})) for name in ("metrics", "billing_info", "tags", "metadata")]
    texts = [
        EVENT[name] for name in ("timestamp", "user_id", "service_type", "service_provider", "event_type")
    ]
    blocks = []
    for _ in range(batches):
        rows = [
            "\t".join(
                [str(uuid.uuid4()), stack.tenant_id, str(uuid.uuid4()), *texts, *documents, "", "", now]
            )
            for _ in range(BATCH)
        ]
        blocks.append("\n".join(rows) + "\n")
    with psycopg.connect(stack.postgres.url) as connection:
        empty(connection)
        connection.commit()
        started = time.perf_counter()
        for block in blocks:
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY usage_usageevent ({COLUMNS}) FROM STDIN") as copy,
            ):
                copy.write(block)
            connection.commit()
        seconds = time.perf_counter() - started
    return batches * BATCH / seconds


if __name__ == "__main__":
    send_batches(int(sys.argv[1]), int(sys.argv[2]))

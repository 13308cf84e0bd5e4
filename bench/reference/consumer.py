"""The classic consumer behind the reference gateway: decode each event, INSERT … ON CONFLICT … RETURNING, add
what is new to the sums of its hour, commit, ack."""

import os
import signal
import uuid
from decimal import Decimal
from typing import Any

import psycopg
import redis
from psycopg.types.json import Jsonb

from bench.load import COLUMNS
from bench.reference.gateway import STREAM, Event
from bench.reference.sums import ADD

INSERT = (
    f"INSERT INTO usage_usageevent ({COLUMNS})"
    f" VALUES ({', '.join(['%s'] * 12)}, '', '', now())"
    " ON CONFLICT (tenant_id, event_id, revision) DO NOTHING"
    " RETURNING tenant_id, date_trunc('hour', timestamp), service_type, service_provider, event_type,"
    " coalesce((billing_info->>'total_cost')::numeric, 0)"
)


def row(event: Event, tenant_id: str) -> tuple[Any, ...]:
    data = event.model_dump(mode="json")
    documents = [Jsonb(data[name]) for name in ("metrics", "billing_info", "tags", "metadata")]
    return (
        uuid.uuid4(),
        tenant_id,
        event.event_id,
        event.timestamp,
        event.user_id,
        event.service_type,
        event.service_provider,
        event.event_type,
        *documents,
    )


def store(cursor: "psycopg.Cursor[Any]", rows: list[tuple[Any, ...]]) -> None:
    """Only what is new counts. The keys are in order, lest two consumers wait for each other."""
    cursor.executemany(INSERT, rows, returning=True)
    sums: dict[tuple[Any, ...], tuple[int, Decimal]] = {}
    for result in cursor.results():
        for *key, amount in result:
            count, total = sums.get(tuple(key), (0, Decimal(0)))
            sums[tuple(key)] = count + 1, total + amount
    cursor.executemany(ADD, [(*key, *sums[key]) for key in sorted(sums)])


def main() -> None:
    running = True

    def end(*_: Any) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, end)
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    tenant_id = os.environ["BENCH_TENANT_UUID"]
    name = f"consumer-{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        while running:
            answer: Any = client.xreadgroup("reference", name, {STREAM: ">"}, count=1000, block=500)
            entries = answer[0][1] if answer else []
            if not entries:
                continue
            rows = [row(Event.model_validate_json(fields[b"event"]), tenant_id) for _, fields in entries]
            with connection.cursor() as cursor:
                store(cursor, rows)
            connection.commit()
            ids = [entry_id for entry_id, _ in entries]
            client.xack(STREAM, "reference", *ids)
            client.xdel(STREAM, *ids)


if __name__ == "__main__":
    main()

"""The Redis stream between the request and the ledger: a batch is one entry.

An entry holds `t` (tenant id), `n` (how many events) and `e` (their JSON array); its id says when it
was accepted. Events rejected on arrival, on their way to the dead letters, are an entry with `r` in
place of `e`, and `i`, a name that they also have on the road without Redis. Entries are deleted once
applied, so what the stream holds is what is still to do.
"""

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
import redis
from django.conf import settings

from accounts.redis_link import breaker, client, patient_client
from accounts.wire import encode
from usage.appender import Appender

GROUP: Final = "writers"
PAGE: Final = 20
GONE_MS: Final = 3600_000  # a living writer asks for entries every second
_appender = Appender()


class _Id(msgspec.Struct):
    event_id: str


_ids = msgspec.json.Decoder(list[_Id])


class Entry(NamedTuple):
    """One batch of one tenant as it stands in the stream; `payload` is a JSON array of events."""

    id: str
    tenant_id: uuid.UUID
    size: int
    payload: bytes

    @property
    def accepted_at(self) -> datetime:
        return accepted_at(self.id)


class QueueState(NamedTuple):
    """Entries still to be applied, the age of the oldest, and whether Redis keeps them on disk."""

    depth: int
    oldest_seconds: float
    durable: bool | None


def accepted_at(entry_id: str) -> datetime:
    """Entries of one millisecond are told apart, and ordered, by microseconds."""
    milliseconds, _, place = entry_id.partition("-")
    second, rest = divmod(int(milliseconds), 1000)
    microsecond = rest * 1000 + min(int(place or 0), 999)
    return datetime.fromtimestamp(second, UTC).replace(microsecond=microsecond)


def append(batches: Iterable[tuple[uuid.UUID, int, bytes]]) -> None:
    """Append (tenant id, count, payload) batches, or raise RedisAway within the request's patience.

    A timed-out append may have been applied all the same; the caller then stores the same events
    directly, and their ids keep them from counting twice.
    """
    stream = settings.EVENT_STREAM
    _appender.send([("XADD", stream, "*", "t", t.bytes, "n", n, "e", e) for t, n, e in batches])


def append_rejected(batches: Iterable[tuple[str, uuid.UUID, int, bytes]]) -> None:
    """Append (name, tenant id, count, payload) of rejected events, as `append` does."""
    stream = settings.EVENT_STREAM
    _appender.send(
        [("XADD", stream, "*", "t", t.bytes, "n", n, "r", r, "i", name) for name, t, n, r in batches]
    )


def ensure_group() -> None:
    try:
        patient_client().xgroup_create(settings.EVENT_STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def read(consumer: str, count: int, block_ms: int) -> list[tuple[str, dict[bytes, bytes]]]:
    """New entries for this writer, raw; waits up to `block_ms` for the first."""
    answer: Any = patient_client().xreadgroup(
        GROUP, consumer, {settings.EVENT_STREAM: ">"}, count=count, block=block_ms
    )
    return _plain(answer[0][1]) if answer else []


def claim(consumer: str, count: int) -> list[tuple[str, dict[bytes, bytes]]]:
    """Entries that another writer took and did not finish in EVENT_CLAIM_SECONDS."""
    answer: Any = patient_client().xautoclaim(
        settings.EVENT_STREAM,
        GROUP,
        consumer,
        min_idle_time=int(settings.EVENT_CLAIM_SECONDS * 1000),
        start_id="0-0",
        count=count,
    )
    return _plain(answer[1])


def deliveries(consumer: str) -> dict[str, int]:
    """How often each entry that this writer holds was handed to a writer."""
    rows: Any = patient_client().xpending_range(
        settings.EVENT_STREAM, GROUP, "-", "+", 1000, consumername=consumer
    )
    return {row["message_id"].decode(): int(row["times_delivered"]) for row in rows}


def hold(consumer: str, entry_ids: list[str]) -> None:
    """Say that this writer is alive and still at these entries, without counting a delivery."""
    patient_client().xclaim(
        settings.EVENT_STREAM, GROUP, consumer, min_idle_time=0, message_ids=list(entry_ids), justid=True
    )


def done(entry_ids: list[str]) -> None:
    """Strike entries off after the commit that applied them."""
    pipe = patient_client().pipeline(transaction=True)
    pipe.xack(settings.EVENT_STREAM, GROUP, *entry_ids)
    pipe.xdel(settings.EVENT_STREAM, *entry_ids)
    pipe.execute()


def prune() -> None:
    """Take writers off the list that ended without a word, unless they hold entries to be claimed."""
    listed: Any = patient_client().xinfo_consumers(settings.EVENT_STREAM, GROUP)
    for consumer in listed:
        if not consumer["pending"] and consumer["idle"] > GONE_MS:
            patient_client().xgroup_delconsumer(settings.EVENT_STREAM, GROUP, consumer["name"])


def leave(consumer: str) -> None:
    """Take a finished writer off the list, unless it still holds entries that someone must claim."""
    held: Any = patient_client().xpending_range(
        settings.EVENT_STREAM, GROUP, "-", "+", 1, consumername=consumer
    )
    if not held:
        patient_client().xgroup_delconsumer(settings.EVENT_STREAM, GROUP, consumer)


def parse(entry_id: str, fields: dict[bytes, bytes]) -> Entry:
    """An entry from its raw fields; ValueError or KeyError when it is not one of ours."""
    return Entry(entry_id, uuid.UUID(bytes=fields[b"t"]), int(fields[b"n"]), fields[b"e"])


def parse_rejected(fields: dict[bytes, bytes]) -> tuple[str, uuid.UUID, bytes]:
    """Name, tenant id and payload of an entry of rejected events; ValueError or KeyError as `parse`."""
    return fields[b"i"].decode(), uuid.UUID(bytes=fields[b"t"]), fields[b"r"]


def state() -> QueueState | None:
    """How the queue stands; None when there is no Redis or it does not answer."""
    if not breaker.closed:
        return None
    try:
        pipe = client().pipeline(transaction=False)
        pipe.time()  # first: what comes after the look at the oldest entry is younger than this
        pipe.xlen(settings.EVENT_STREAM)
        pipe.xrange(settings.EVENT_STREAM, count=1)
        pipe.info("persistence")
        (seconds, micros), depth, oldest, persistence = pipe.execute()
    except (redis.RedisError, OSError):
        breaker.trip()
        return None
    age = 0.0
    if oldest:
        age = max(0.0, seconds + micros / 1e6 - accepted_at(oldest[0][0].decode()).timestamp())
    return QueueState(depth, age, bool(persistence.get("aof_enabled")) if persistence else None)


def find(tenant_id: uuid.UUID, event_id: str, limit: int) -> bool | None:
    """Is an event still waiting? None when the queue is too deep to tell, or Redis is away."""
    if not breaker.closed:
        return None if settings.REDIS_URL else False
    quoted = encode(event_id)
    try:
        depth: Any = patient_client().xlen(settings.EVENT_STREAM)
        for fields in _newest(limit):
            payload = fields.get(b"e", b"")
            if fields.get(b"t") == tenant_id.bytes and quoted in payload and _holds(payload, event_id):
                return True
    except (redis.RedisError, OSError):
        return None
    return None if depth > limit else False


def _newest(limit: int) -> Iterator[dict[bytes, bytes]]:
    """The newest entries, a few at a time, as one may be megabytes."""
    end = "+"
    for _ in range(0, limit, PAGE):
        rows: Any = patient_client().xrevrange(settings.EVENT_STREAM, max=end, count=PAGE)
        if not rows:
            return
        yield from (fields for _, fields in rows)
        end = f"({rows[-1][0].decode()}"


def _holds(payload: bytes, event_id: str) -> bool:
    try:
        return any(event.event_id == event_id for event in _ids.decode(payload))
    except msgspec.MsgspecError:
        return False


def _plain(rows: list[Any]) -> list[tuple[str, dict[bytes, bytes]]]:
    return [(entry_id.decode(), fields) for entry_id, fields in rows if fields]

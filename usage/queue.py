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

from accounts.wire import encode
from usage.appender import Command
from usage.shards import Shard, shard_of, shards

GROUP: Final = "writers"
PAGE: Final = 20
GONE_MS: Final = 3600_000  # a living writer asks for entries every second


RawEntry = tuple[str, dict[bytes, bytes]]
Fields = tuple[uuid.UUID, tuple[Any, ...]]


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
    for shard, commands in _by_shard(_entries(batches)):
        shard.appender.send(commands)


async def append_soon(batches: Iterable[tuple[uuid.UUID, int, bytes]]) -> None:
    """As `append`, on the loop that runs."""
    for shard, commands in _by_shard(_entries(batches)):
        await shard.loop_appender().send(commands)


def append_rejected(batches: Iterable[tuple[str, uuid.UUID, int, bytes]]) -> None:
    """Append (name, tenant id, count, payload) of rejected events, as `append` does."""
    entries = [(t, ("t", t.bytes, "n", n, "r", r, "i", name)) for name, t, n, r in batches]
    for shard, commands in _by_shard(entries):
        shard.appender.send(commands)


def _entries(batches: Iterable[tuple[uuid.UUID, int, bytes]]) -> list[Fields]:
    return [(t, ("t", t.bytes, "n", n, "e", e)) for t, n, e in batches]


def _by_shard(entries: Iterable[Fields]) -> Iterable[tuple[Shard, list[Command]]]:
    commands: dict[Shard, list[Command]] = {}
    for tenant_id, fields in entries:
        shard = shard_of(tenant_id)
        commands.setdefault(shard, []).append(("XADD", shard.stream, "*", *fields))
    return commands.items()


class Reader:
    """What writers ask of one shard."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self._stream = shard.stream

    def ensure_group(self) -> None:
        try:
            self.shard.patient().xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def read(self, consumer: str, count: int, block_ms: int) -> list[RawEntry]:
        """New entries for this writer, raw; waits up to `block_ms` for the first."""
        answer: Any = self.shard.patient().xreadgroup(
            GROUP, consumer, {self._stream: ">"}, count=count, block=block_ms
        )
        return _plain(answer[0][1]) if answer else []

    def claim(self, consumer: str, count: int) -> list[RawEntry]:
        """Entries that another writer took and did not finish in EVENT_CLAIM_SECONDS."""
        answer: Any = self.shard.patient().xautoclaim(
            self._stream,
            GROUP,
            consumer,
            min_idle_time=int(settings.EVENT_CLAIM_SECONDS * 1000),
            start_id="0-0",
            count=count,
        )
        return _plain(answer[1])

    def deliveries(self, consumer: str) -> dict[str, int]:
        """How often each entry that this writer holds was handed to a writer."""
        rows: Any = self.shard.patient().xpending_range(
            self._stream, GROUP, "-", "+", 1000, consumername=consumer
        )
        return {row["message_id"].decode(): int(row["times_delivered"]) for row in rows}

    def hold(self, consumer: str, entry_ids: list[str]) -> None:
        """Say that this writer is alive and still at these entries, without counting a delivery."""
        self.shard.patient().xclaim(
            self._stream, GROUP, consumer, min_idle_time=0, message_ids=list(entry_ids), justid=True
        )

    def done(self, entry_ids: list[str]) -> None:
        """Strike entries off after the commit that applied them."""
        pipe = self.shard.patient().pipeline(transaction=True)
        pipe.xack(self._stream, GROUP, *entry_ids)
        pipe.xdel(self._stream, *entry_ids)
        pipe.execute()

    def prune(self) -> None:
        """Take writers off the list that ended without a word, unless they hold entries to be claimed."""
        patient = self.shard.patient()
        listed: Any = patient.xinfo_consumers(self._stream, GROUP)
        for consumer in listed:
            if not consumer["pending"] and consumer["idle"] > GONE_MS:
                patient.xgroup_delconsumer(self._stream, GROUP, consumer["name"])

    def leave(self, consumer: str) -> None:
        """Take a finished writer off the list, unless it still holds entries that someone must claim."""
        patient = self.shard.patient()
        if not patient.xpending_range(self._stream, GROUP, "-", "+", 1, consumername=consumer):
            patient.xgroup_delconsumer(self._stream, GROUP, consumer)


def readers() -> list[Reader]:
    return [Reader(shard) for shard in shards()]


def parse(entry_id: str, fields: dict[bytes, bytes]) -> Entry:
    """An entry from its raw fields; ValueError or KeyError when it is not one of ours."""
    return Entry(entry_id, uuid.UUID(bytes=fields[b"t"]), int(fields[b"n"]), fields[b"e"])


def parse_rejected(fields: dict[bytes, bytes]) -> tuple[str, uuid.UUID, bytes]:
    """Name, tenant id and payload of an entry of rejected events; ValueError or KeyError as `parse`."""
    return fields[b"i"].decode(), uuid.UUID(bytes=fields[b"t"]), fields[b"r"]


def state() -> QueueState | None:
    """How the queue stands; None when there is no Redis, or a shard's does not answer."""
    found = [_state(shard) for shard in shards()]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    durable = [one.durable for one in known]
    return QueueState(
        sum(one.depth for one in known),
        max(one.oldest_seconds for one in known),
        None if None in durable else all(durable),
    )


def _state(shard: Shard) -> QueueState | None:
    if not shard.breaker.closed:
        return None
    try:
        pipe = shard.client().pipeline(transaction=False)
        pipe.time()  # first: what comes after the look at the oldest entry is younger than this
        pipe.xlen(shard.stream)
        pipe.xrange(shard.stream, count=1)
        pipe.info("persistence")
        (seconds, micros), depth, oldest, persistence = pipe.execute()
    except (redis.RedisError, OSError):
        shard.breaker.trip()
        return None
    age = 0.0
    if oldest:
        age = max(0.0, seconds + micros / 1e6 - accepted_at(oldest[0][0].decode()).timestamp())
    return QueueState(depth, age, bool(persistence.get("aof_enabled")) if persistence else None)


def find(tenant_id: uuid.UUID, event_id: str, limit: int) -> bool | None:
    """Is an event still waiting? None when the queue is too deep to tell, or Redis is away."""
    shard = shard_of(tenant_id)
    if not shard.breaker.closed:
        return None if settings.REDIS_URL else False
    quoted = encode(event_id)
    try:
        depth: Any = shard.patient().xlen(shard.stream)
        for fields in _newest(shard, limit):
            payload = fields.get(b"e", b"")
            if fields.get(b"t") == tenant_id.bytes and quoted in payload and _holds(payload, event_id):
                return True
    except (redis.RedisError, OSError):
        return None
    return None if depth > limit else False


def _newest(shard: Shard, limit: int) -> Iterator[dict[bytes, bytes]]:
    """The newest entries, a few at a time, as one may be megabytes."""
    end = "+"
    for _ in range(0, limit, PAGE):
        rows: Any = shard.patient().xrevrange(shard.stream, max=end, count=PAGE)
        if not rows:
            return
        yield from (fields for _, fields in rows)
        end = f"({rows[-1][0].decode()}"


def _holds(payload: bytes, event_id: str) -> bool:
    try:
        return any(event.event_id == event_id for event in _ids.decode(payload))
    except msgspec.MsgspecError:
        return False


def _plain(rows: list[Any]) -> list[RawEntry]:
    return [(entry_id.decode(), fields) for entry_id, fields in rows if fields]

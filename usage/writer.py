"""The event writer: stream entries into the ledger, in one transaction, struck off after its commit.

Any number may run. What a dead writer left is claimed by another; what arrives twice is stored once
by the ledger's unique key; what the database refuses is set aside in DeadLetter, alone, and the rest
of its batch goes through.
"""

import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Iterable
from typing import Final

import msgspec
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from usage import filing, ledger, metrics, queue, rejections
from usage.queue import RawEntry, Reader

log = structlog.get_logger(__name__)

EVENTS_PER_TRANSACTION: Final = 2000
BLOCK_MS: Final = 1000
FIRST_COUNT: Final = 10
MAX_COUNT: Final = 1000
REST_SECONDS: Final = 1.0
NOT_ENTRIES: Final = (ValueError, KeyError, msgspec.MsgspecError)


class Writer:
    """One consumer of a shard's group. `run` returns after `stop` is set and the work in hand is done."""

    def __init__(self, stop: threading.Event, queue: Reader) -> None:
        self.stop = stop
        self.queue = queue
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._count = FIRST_COUNT
        self._next_claim = 0.0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.step()
            except redis.ResponseError as error:
                self._recover(error)
            except (redis.RedisError, OSError) as error:
                self._rest("redis_away", error)
            except DatabaseError as error:
                connection.close()
                self._rest("database_away", error)
        self._leave()
        connection.close()

    def step(self) -> int:
        """Take and apply what is there; how many entries were applied."""
        entries = self._take()
        if not entries:
            return 0
        self._count = max(1, min(MAX_COUNT, EVENTS_PER_TRANSACTION * len(entries) // _events(entries)))
        while not self.stop.is_set():
            try:
                apply(entries)
                break
            except DatabaseError as error:
                # Not struck off: it stays ours, or becomes another writer's, until it is stored.
                connection.close()
                self._rest("database_away", error)
                self.queue.hold(self.name, [entry_id for entry_id, _ in entries])
        else:
            return 0
        self.queue.done([entry_id for entry_id, _ in entries])
        return len(entries)

    def _take(self) -> list[RawEntry]:
        if time.monotonic() >= self._next_claim:
            claimed = self.queue.claim(self.name, FIRST_COUNT)
            if claimed:
                return self._without_killers(claimed)
            self.queue.prune()
            self._next_claim = time.monotonic() + settings.EVENT_CLAIM_SECONDS / 2
        return self.queue.read(self.name, self._count, BLOCK_MS)

    def _without_killers(self, entries: list[RawEntry]) -> list[RawEntry]:
        """An entry that ended several writers is set aside unread instead of ending this one too."""
        rest = []
        deliveries = self.queue.deliveries(self.name)
        for entry in entries:
            if deliveries.get(entry[0], 0) > settings.EVENT_MAX_DELIVERIES:
                set_entry_aside(entry, "It was handed to too many writers.")
                self.queue.done([entry[0]])
            else:
                rest.append(entry)
        return rest

    def _recover(self, error: redis.ResponseError) -> None:
        """The group is missing after a first start, or when Redis came back empty."""
        if "NOGROUP" in str(error) or "no such key" in str(error):
            self.queue.ensure_group()
        else:
            self._rest("redis_refused", error)

    def _rest(self, event: str, error: Exception) -> None:
        log.warning(event, error=str(error), writer=self.name)
        self.queue.shard.forget()
        self.stop.wait(REST_SECONDS)

    def _leave(self) -> None:
        try:
            self.queue.leave(self.name)
        except (redis.RedisError, OSError) as error:
            log.warning("writer_left_unlisted", error=str(error), writer=self.name)


def run(stop: threading.Event) -> None:
    """Run a writer of each shard until `stop` is set; returns at once when there is no Redis to read from."""
    if not settings.REDIS_URL:
        return
    first, *others = (Writer(stop, reader) for reader in queue.readers())
    threads = [threading.Thread(target=writer.run, name=writer.queue.shard.stream) for writer in others]
    for thread in threads:
        thread.start()
    first.run()
    for thread in threads:
        thread.join()


def apply(entries: list[RawEntry]) -> None:
    """Store all events of the entries. DatabaseError: the database is away, and nothing was lost."""
    started = time.perf_counter()
    lots = []
    for entry_id, fields in entries:
        try:
            if b"r" in fields:
                rejections.write(*queue.parse_rejected(fields))
                continue
            entry = queue.parse(entry_id, fields)
            rows = ledger.read_rows(entry.payload)
            plain = ledger.is_plain(entry.payload)
            lots.append(ledger.Lot(str(entry.tenant_id), entry.accepted_at, rows, entry.id, plain))
        except NOT_ENTRIES as error:
            set_entry_aside((entry_id, fields), f"The entry cannot be read: {error}")
    for group in _transactions(lots):
        filing.file(group)
    metrics.SECONDS.observe(time.perf_counter() - started)


def _transactions(lots: list[ledger.Lot]) -> Iterable[list[ledger.Lot]]:
    group: list[ledger.Lot] = []
    size = 0
    for lot in lots:
        if group and size + len(lot.rows) > EVENTS_PER_TRANSACTION:
            yield group
            group, size = [], 0
        group.append(lot)
        size += len(lot.rows)
    if group:
        yield group


def set_entry_aside(entry: RawEntry, reason: str) -> None:
    """Keep a whole entry: event by event where it can be read, as it stands where it cannot."""
    entry_id, fields = entry
    tenant_id = str(uuid.UUID(bytes=fields[b"t"])) if len(fields.get(b"t", b"")) == 16 else None
    payload = fields.get(b"e") or fields.get(b"r", b"")
    try:
        rows = ledger.read_rows(payload)
    except NOT_ENTRIES:
        rows = []
    if not rows:
        filing.keep_letter(entry_id, tenant_id, "", payload, reason)
    for row in rows:
        filing.set_aside(entry_id, tenant_id, row, reason)


def _events(entries: list[RawEntry]) -> int:
    """About how many events the entries hold; what cannot be read counts as one."""
    return sum(max(1, int(f[b"n"])) if f.get(b"n", b"").isdigit() else 1 for _, f in entries)

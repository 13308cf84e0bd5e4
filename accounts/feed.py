"""The newest entries of each tenant, read once for all the sockets of this process.

A message through the channel layer only says "look"; what is sent is read from the database by sequence
number, and somebody looks at least every LOOK_SECONDS. So nothing is lost with a lost message.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import redis
import structlog
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from accounts.models import ActivityEntry, Tenant
from accounts.queries import activity_since
from accounts.row_security import as_tenant
from accounts.services.wakes import WAKE_GROUP

AT_ONCE: Final = 200
LOOK_SECONDS: Final = 20.0
RETRY_SECONDS: Final = 1.0
log = structlog.get_logger(__name__)


class Feed:
    """A tenant's entries; `woken` holds an event for each socket that follows them."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant.whole()  # what a guest may see of it, their socket knows
        self.woken: set[asyncio.Event] = set()
        self._newest: deque[ActivityEntry] = deque(maxlen=AT_ONCE)
        self._reading = asyncio.Lock()
        self._heard, self._answered = 1, 0  # wakes so far, and those before the last look that saw the end
        self._looked_at = 0.0

    def wake(self) -> None:
        self._heard += 1
        for event in self.woken:
            event.set()

    def look(self) -> None:
        """Wake all of them, unless somebody looked only just now."""
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self.wake()

    async def after(self, seq: int) -> list[ActivityEntry]:
        """At most AT_ONCE entries after `seq`, in order. Errors: DatabaseError."""
        async with self._reading:  # who waits here finds what the one before has read
            found = [entry for entry in self._newest if entry.seq > seq]
            if found and found[0].seq == seq + 1:
                return found
            if self._answered == self._heard and self._newest and self._newest[-1].seq <= seq:
                return []
            return await self._read(seq)

    async def _read(self, seq: int) -> list[ActivityEntry]:
        heard, self._looked_at = self._heard, time.monotonic()
        entries = await database_sync_to_async(self._entries)(seq)
        newest = self._newest[-1].seq if self._newest else 0
        if entries and entries[-1].seq > newest:
            if entries[0].seq > newest + 1:
                self._newest.clear()
            self._newest.extend(entry for entry in entries if entry.seq > newest)
        if len(entries) < AT_ONCE:
            self._answered = heard
        return entries

    def _entries(self, seq: int) -> list[ActivityEntry]:
        with as_tenant(self.tenant):
            return activity_since(self.tenant, since=seq, limit=AT_ONCE)


class Hub:
    """The feeds of one event loop, and the one listener that wakes them."""

    def __init__(self) -> None:
        self._feeds: dict[UUID, Feed] = {}
        self._listening: asyncio.Task[None] | None = None

    @contextmanager
    def following(self, tenant: Tenant) -> Iterator[tuple[Feed, asyncio.Event]]:
        """The tenant's feed, and an event that is set whenever there may be something new in it."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        feed = self._feeds.setdefault(tenant.pk, Feed(tenant))
        event = asyncio.Event()
        feed.woken.add(event)
        try:
            yield feed, event
        finally:
            feed.woken.remove(event)
            if not feed.woken:
                del self._feeds[tenant.pk]
            if not self._feeds:
                self._listening.cancel()
                self._listening = None

    async def _listen(self) -> None:
        """While Redis is away the sockets look by themselves, at each ping."""
        while True:
            try:
                await self._hear()
            except (redis.RedisError, OSError) as error:
                log.warning("activity_deaf", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        layer: Any = get_channel_layer()
        channel = await layer.new_channel()
        try:
            await layer.group_add(WAKE_GROUP, channel)
            for feed in self._feeds.values():
                feed.wake()  # for what was told while nobody listened
            while True:
                message = await layer.receive(channel)
                told = self._feeds.get(UUID(message["tenant"]))
                if told is not None:
                    told.wake()
        finally:
            with suppress(redis.RedisError, OSError):
                await layer.group_discard(WAKE_GROUP, channel)


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """That of the running event loop."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())

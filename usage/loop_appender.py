"""Appending to the Redis stream for all calls of an event loop at once, as `appender` does for threads.

What comes while one exchange is under way goes with the next. So a process under load wakes Redis, and is
woken by it, once for many calls, which costs more than all else about a call.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, NamedTuple

import redis
import structlog
from django.conf import settings
from hiredis import pack_command
from redis.asyncio import Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from accounts.redis_link import Breaker, RedisAway
from usage.appender import Command

EXCHANGE_BYTES: Final = 512 * 1024  # after which the rest waits for the next
TURNS: Final = 32  # of the loop: a connection is made in a dozen, each of which may be long
log = structlog.get_logger(__name__)


class _Sent(NamedTuple):
    """What one call brought: commands as Redis reads them, and who is told how they fared."""

    commands: bytes
    number: int
    told: "asyncio.Future[Exception | None]"


class LoopAppender:
    """One per loop and stream. `url` says where the stream is; it may ask, and is called in a thread."""

    def __init__(self, url: Callable[[], str], breaker: Breaker) -> None:
        self.loop = asyncio.get_running_loop()
        self._url = url
        self._breaker = breaker
        self._waiting: deque[_Sent] = deque()
        self._leading: asyncio.Task[None] | None = None
        self._connection: tuple[Connection | None, int] = (None, 0)
        self._steps = 0

    async def send(self, commands: Sequence[Command]) -> None:
        """Send commands and see them answered, or raise RedisAway; then they may have been applied or not."""
        told: asyncio.Future[Exception | None] = self.loop.create_future()
        self._waiting.append(_Sent(b"".join(map(pack_command, commands)), len(commands), told))
        if self._leading is None:
            self._leading = self.loop.create_task(self._lead())
        error = await told
        if error is not None:
            raise RedisAway from error

    async def _lead(self) -> None:
        brought: list[_Sent] = []
        try:
            while self._waiting:
                brought = self._next()
                _tell(brought, await self._exchange(brought))
        finally:
            self._leading = None
            _tell([*brought, *self._waiting], RedisAway())  # those who are told already hear nothing
            self._waiting.clear()

    def _next(self) -> list[_Sent]:
        size = 0
        brought = []
        while self._waiting and size < EXCHANGE_BYTES:
            brought.append(self._waiting.popleft())
            size += len(brought[-1].commands)
        return brought

    async def _exchange(self, brought: Sequence[_Sent]) -> Exception | None:
        try:
            self._breaker.require()
            await self._patiently(self._send(await self._open(), brought))
        except RedisAway as away:
            return away
        except Exception as error:
            if not isinstance(error, redis.RedisError | OSError):
                log.error("stream_not_reached", exc_info=error)
            self._breaker.trip()
            return error
        return None

    async def _send(self, connection: Connection, brought: Sequence[_Sent]) -> None:
        try:
            packed = b"".join(sent.commands for sent in brought)
            await connection.send_packed_command(packed, check_health=False)
            for _ in range(sum(sent.number for sent in brought)):
                self._steps += 1
                await connection.read_response()
        except BaseException:
            self._connection = (None, 0)
            await connection.disconnect(nowait=True)
            raise

    async def _open(self) -> Connection:
        """A new one after Redis was away, as the old one may be stale."""
        connection, made_after = self._connection
        if connection is None or made_after != self._breaker.trips:
            if connection is not None:
                await connection.disconnect(nowait=True)
            trips = self._breaker.trips
            url = await asyncio.to_thread(self._url)
            pool: Any = Redis.from_url(url, retry=Retry(NoBackoff(), 0)).connection_pool
            connection = pool.make_connection()
            self._connection = connection, trips
        return connection

    async def _patiently(self, work: Coroutine[Any, Any, None]) -> None:
        """Await an exchange as long as it gets on: to be sent, and for each answer, it has up to twice
        REDIS_TIMEOUT_SECONDS.

        An answer may be there before a loop that had much else to do looks for it, so it has some turns to do
        so. Errors: TimeoutError.
        """
        task = self.loop.create_task(work)
        try:
            before = -1
            while not task.done() and self._steps != before:
                before = self._steps
                await asyncio.wait([task], timeout=settings.REDIS_TIMEOUT_SECONDS)
                for _ in range(TURNS):
                    if task.done() or self._steps != before:
                        break
                    await asyncio.sleep(0)
            if not task.done():
                raise TimeoutError(f"Redis was silent for {settings.REDIS_TIMEOUT_SECONDS} seconds.")
            task.result()
        finally:
            if task.cancel():
                await asyncio.wait([task])


def _tell(calls: Sequence[_Sent], error: Exception | None) -> None:
    for call in calls:
        if not call.told.done():
            call.told.set_result(error)

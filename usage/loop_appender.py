"""Appending to the Redis stream for all calls of an event loop at once, as `appender` does for threads.

What comes while one exchange is under way goes with the next. So a process under load wakes Redis, and is
woken by it, once for many calls, which costs more than all else about a call.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import redis
from django.conf import settings
from hiredis import pack_command
from redis.asyncio import Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from accounts.redis_link import Breaker, RedisAway
from usage.appender import Command

T = TypeVar("T")
LATE_SECONDS: Final = 0.01


class LoopAppender:
    """One per loop and stream. `url` says where the stream is; it may ask, and is called in a thread."""

    def __init__(self, url: Callable[[], str], breaker: Breaker) -> None:
        self.loop = asyncio.get_running_loop()
        self._url = url
        self._breaker = breaker
        self._waiting: list[tuple[Sequence[Command], asyncio.Future[Exception | None]]] = []
        self._leading: asyncio.Task[None] | None = None
        self._connection: Connection | None = None

    async def send(self, commands: Sequence[Command]) -> None:
        """Send commands and see them answered, or raise RedisAway; then they may have been applied or not."""
        answer: asyncio.Future[Exception | None] = self.loop.create_future()
        self._waiting.append((commands, answer))
        if self._leading is None:
            self._leading = self.loop.create_task(self._lead())
        error = await answer
        if error is not None:
            raise RedisAway from error

    async def _lead(self) -> None:
        try:
            while self._waiting:
                brought, self._waiting = self._waiting, []
                error: Exception | None = RedisAway()
                try:
                    error = await self._exchange([command for commands, _ in brought for command in commands])
                finally:
                    for _, answer in brought:
                        if not answer.done():
                            answer.set_result(error)
        finally:
            self._leading = None

    async def _exchange(self, commands: Sequence[Command]) -> Exception | None:
        try:
            self._breaker.require()
            await within(settings.REDIS_TIMEOUT_SECONDS, self._send(commands))
        except RedisAway as away:
            return away
        except (redis.RedisError, OSError) as error:
            self._breaker.trip()
            return error
        return None

    async def _send(self, commands: Sequence[Command]) -> None:
        connection = await self._open()
        try:
            packed = b"".join(map(pack_command, commands))  # redis-py's own packing takes twice as long
            await connection.send_packed_command(packed, check_health=False)
            for _ in commands:
                await connection.read_response()
        except BaseException:
            self._connection = None
            await connection.disconnect(nowait=True)
            raise

    async def _open(self) -> Connection:
        if self._connection is None:
            url = await asyncio.to_thread(self._url)
            pool: Any = Redis.from_url(url, retry=Retry(NoBackoff(), 0)).connection_pool
            self._connection = pool.make_connection()
        return self._connection


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` for so long, or raise TimeoutError.

    Its answer may be there before a loop that had much else to do looks for it: time in which the loop did
    not come round does not count.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    try:
        while True:
            due = loop.time() + seconds
            done, _ = await asyncio.wait([task], timeout=seconds)
            if done:
                return task.result()
            if loop.time() - due < LATE_SECONDS:
                raise TimeoutError(f"There was no answer in {seconds} seconds.")
    finally:
        if task.cancel():
            await asyncio.wait([task])

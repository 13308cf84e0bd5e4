"""Calls of a loop that append at once share exchanges, and each learns how its own went."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings

from accounts.redis_link import Breaker, RedisAway, client
from tests.servers import Redis
from tests.servers.cluster import RedisCluster
from usage import queue
from usage.loop_appender import LoopAppender, within
from usage.shards import shards

pytestmark = pytest.mark.full


def command(number: int) -> tuple[Any, ...]:
    return ("XADD", settings.EVENT_STREAM, "*", "n", number)


def numbers() -> list[int]:
    rows: Any = client().xrange(settings.EVENT_STREAM)
    return [int(fields[b"n"]) for _, fields in rows]


def with_appender(scenario: Callable[[LoopAppender], Awaitable[None]], url: str = "") -> None:
    async def run() -> None:
        await scenario(LoopAppender(lambda: url or settings.REDIS_URL, Breaker()))

    async_to_sync(run)()


def test_what_comes_during_an_exchange_goes_with_the_next() -> None:
    exchanged: list[int] = []

    async def scenario(appender: LoopAppender) -> None:
        send = appender._send

        async def counted(commands: Any) -> None:
            exchanged.append(len(commands))
            await send(commands)

        with mock.patch.object(appender, "_send", counted):
            first = asyncio.create_task(appender.send([command(0)]))
            while not exchanged:
                await asyncio.sleep(0)
            await asyncio.gather(first, *(appender.send([command(number)]) for number in range(1, 500)))
            await appender.send([command(500), command(501)])

    with_appender(scenario)
    assert exchanged == [1, 499, 2]
    assert numbers() == list(range(502))


def test_a_refusal_reaches_every_call_that_shared_it_and_redis_is_left_alone() -> None:
    async def scenario(appender: LoopAppender) -> None:
        together = (appender.send([command(1)]), appender.send([("NO-SUCH-COMMAND",)]))
        errors = await asyncio.gather(*together, return_exceptions=True)
        assert [type(error) for error in errors] == [RedisAway, RedisAway]
        with pytest.raises(RedisAway):
            await appender.send([command(2)])
        appender._breaker._open_until = 0.0
        await appender.send([command(3)])

    with_appender(scenario)
    assert numbers() == [1, 3]


def test_a_redis_that_ended_and_came_back(settings: Any) -> None:
    with Redis() as server:
        settings.REDIS_TIMEOUT_SECONDS = 5

        async def scenario(appender: LoopAppender) -> None:
            await appender.send([command(1)])
            server.stop()
            with pytest.raises(RedisAway):
                await appender.send([command(2)])
            server.start()
            appender._breaker._open_until = 0.0
            await appender.send([command(3)])

        with_appender(scenario, server.url)


def test_a_frozen_redis_is_waited_for_as_long_as_agreed(settings: Any) -> None:
    settings.REDIS_TIMEOUT_SECONDS = 0.2
    with Redis() as server:

        async def scenario(appender: LoopAppender) -> None:
            await appender.send([command(1)])
            server.pause()
            started = time.monotonic()
            with pytest.raises(RedisAway):
                await appender.send([command(2)])
            assert 0.2 <= time.monotonic() - started < 5
            assert appender._connection is None  # what it still answers is nobody's
            server.resume()

        with_appender(scenario, server.url)


async def _hold_up(seconds: float) -> None:
    """As other calls do to a loop."""
    await asyncio.sleep(0.01)
    time.sleep(seconds)


def test_an_answer_that_a_busy_loop_was_late_to_look_for_is_no_silence() -> None:
    async def scenario() -> str:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        async def work() -> str:
            return await answer

        busy = asyncio.create_task(_hold_up(0.3))
        loop.call_later(0.2, lambda: loop.call_soon(loop.call_soon, answer.set_result, "there"))
        found = await within(0.1, work())
        await busy
        return found

    assert async_to_sync(scenario)() == "there"


def test_silence_ends_the_work() -> None:
    async def scenario() -> asyncio.Future[None]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def work() -> None:
            await answer

        with pytest.raises(TimeoutError, match=r"no answer in 0\.05 seconds"):
            await within(0.05, work())
        return answer

    assert async_to_sync(scenario)().cancelled()


@pytest.fixture
def cluster(settings: Any) -> Any:
    with RedisCluster() as found:
        settings.EVENT_CLUSTER_URL = found.url
        settings.REDIS_TIMEOUT_SECONDS = 1
        yield found


def test_each_shard_of_a_cluster_is_reached_at_its_master(cluster: RedisCluster) -> None:
    tenants = [UUID(int=place) for place in range(len(shards()))]

    async def scenario() -> None:
        await queue.append_soon([(tenant, 1, b"[%d]" % place) for place, tenant in enumerate(tenants)])

    async_to_sync(scenario)()
    assert len({shard.client().connection_pool.connection_kwargs["port"] for shard in shards()}) == 3
    for place, shard in enumerate(shards()):
        rows: Any = shard.client().xrange(shard.stream)
        assert [fields[b"e"] for _, fields in rows] == [b"[%d]" % place]

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
from usage.loop_appender import LoopAppender
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

        async def counted(connection: Any, brought: Any) -> None:
            exchanged.append(sum(sent.number for sent in brought))
            await send(connection, brought)

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
            assert appender._connection == (None, 0)  # what it still answers is nobody's
            server.resume()

        with_appender(scenario, server.url)


async def busily(stop: asyncio.Event, seconds: float) -> None:
    """As other calls do to a loop: each turn takes so long."""
    while not stop.is_set():
        time.sleep(seconds)
        await asyncio.sleep(0)


def test_an_answer_that_a_busy_loop_was_late_to_look_for_is_no_silence(settings: Any) -> None:
    settings.REDIS_TIMEOUT_SECONDS = 0.1

    async def scenario(appender: LoopAppender) -> None:
        answer: asyncio.Future[None] = appender.loop.create_future()

        async def work() -> None:
            await answer

        async def hold_up() -> None:
            await asyncio.sleep(0.01)
            time.sleep(0.3)

        # As what a socket holds: it is read in one turn, and its reader wakes in the next.
        appender.loop.call_later(0.2, lambda: appender.loop.call_soon(answer.set_result, None))
        held_up = asyncio.create_task(hold_up())
        await appender._patiently(work())
        assert answer.done()
        await held_up

    with_appender(scenario)


def test_a_busy_loop_finds_its_way_to_redis(settings: Any) -> None:
    settings.REDIS_TIMEOUT_SECONDS = 0.05

    async def scenario(appender: LoopAppender) -> None:
        stop = asyncio.Event()
        busy = asyncio.create_task(busily(stop, 0.03))
        await appender.send([command(1)])
        stop.set()
        await busy

    with_appender(scenario)
    assert numbers() == [1]


def test_a_connection_from_before_redis_was_away_is_not_trusted() -> None:
    async def scenario(appender: LoopAppender) -> None:
        await appender.send([command(1)])
        before, _ = appender._connection
        appender._breaker.trip()  # by somebody else
        appender._breaker._open_until = 0.0
        await appender.send([command(2)])
        assert appender._connection[0] is not before
        assert before is not None
        assert not before.is_connected

    with_appender(scenario)
    assert numbers() == [1, 2]


def test_silence_ends_an_exchange_on_a_busy_loop_too(settings: Any) -> None:
    settings.REDIS_TIMEOUT_SECONDS = 0.1
    with Redis() as server:

        async def scenario(appender: LoopAppender) -> None:
            await appender.send([command(1)])
            stop = asyncio.Event()
            busy = asyncio.create_task(busily(stop, 0.012))
            server.pause()
            started = time.monotonic()
            with pytest.raises(RedisAway):
                await appender.send([command(2)])
            assert 0.1 <= time.monotonic() - started < 5
            stop.set()
            await busy
            server.resume()

        with_appender(scenario, server.url)


def test_a_long_exchange_takes_its_time_as_long_as_it_gets_on(settings: Any) -> None:
    """Each answer may take so long, not all of them together; and what is large goes in more than one."""
    settings.REDIS_TIMEOUT_SECONDS = 0.3
    sizes: list[int] = []

    async def scenario(appender: LoopAppender) -> None:
        await appender.send([command(0)])
        send = appender._send

        async def counted(connection: Any, brought: Any) -> None:
            sizes.append(len(brought))
            await send(connection, brought)

        with mock.patch.object(appender, "_send", counted):
            large = ("XADD", settings.EVENT_STREAM, "*", "n", 7, "e", b"x" * 300_000)
            await asyncio.gather(*(appender.send([large]) for _ in range(5)))
        sleeps = [("BLPOP", "nothing", 0.2)] * 4
        started = time.monotonic()
        await appender.send(sleeps)
        assert time.monotonic() - started >= 0.8

    with_appender(scenario)
    assert sizes == [2, 2, 1]
    assert numbers() == [0, 7, 7, 7, 7, 7]


def test_nobody_is_forgotten_when_something_unforeseen_happens() -> None:
    async def scenario(appender: LoopAppender) -> None:
        with mock.patch.object(appender, "_open", side_effect=ValueError("no such address")):
            calls = [asyncio.create_task(appender.send([command(number)])) for number in range(2)]
            await asyncio.sleep(0)
            calls.append(asyncio.create_task(appender.send([command(2)])))
            errors = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
        assert [type(error) for error in errors] == [RedisAway] * 3
        assert not appender._breaker.closed

    with_appender(scenario)
    assert numbers() == []


def test_calls_that_wait_are_told_when_the_loop_ends() -> None:
    async def scenario(appender: LoopAppender) -> None:
        begun = asyncio.Event()

        async def never() -> None:
            begun.set()
            await asyncio.Event().wait()

        with mock.patch.object(appender, "_open", never):
            first = asyncio.create_task(appender.send([command(0)]))
            await begun.wait()
            calls = [first, *(asyncio.create_task(appender.send([command(number)])) for number in (1, 2))]
            await asyncio.sleep(0)
            assert appender._leading is not None
            appender._leading.cancel()
            errors = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
        assert [type(error) for error in errors] == [RedisAway] * 3

    with_appender(scenario)


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

"""Threads that append at once share round trips, and each learns how its own went."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings

from accounts.redis_link import RedisAway, breaker, client
from usage.appender import Appender

pytestmark = pytest.mark.full


def command(number: int) -> tuple[Any, ...]:
    return ("XADD", settings.EVENT_STREAM, "*", "n", number)


def test_many_threads_append_each_command_once() -> None:
    appender = Appender(client, breaker)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: appender.send([command(number)]), range(500)))
    rows: Any = client().xrange(settings.EVENT_STREAM)
    assert sorted(int(fields[b"n"]) for _, fields in rows) == list(range(500))


def test_what_others_bring_meanwhile_goes_in_one_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    appender = Appender(client, breaker)
    exchanged: list[int] = []
    all_are_waiting = threading.Event()
    exchange = appender._exchange

    def slow(commands: Any) -> Exception | None:
        if not exchanged:
            assert all_are_waiting.wait(10)
        exchanged.append(len(commands))
        return exchange(commands)

    monkeypatch.setattr(appender, "_exchange", slow)
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(appender.send, [command(number)]) for number in range(8)]
        while len(appender._waiting) < 7:
            threading.Event().wait(0.01)
        all_are_waiting.set()
        for each in sent:
            each.result(10)
    assert exchanged == [1, 7]
    assert client().xlen(settings.EVENT_STREAM) == 8


def test_a_refusal_reaches_every_thread_that_shared_it(monkeypatch: pytest.MonkeyPatch) -> None:
    appender = Appender(client, breaker)
    with pytest.raises(RedisAway):
        appender.send([command(1), ("NO-SUCH-COMMAND",)])
    assert not breaker.closed
    with pytest.raises(RedisAway):
        appender.send([command(2)])
    breaker._open_until = 0.0
    appender.send([command(3)])
    rows: Any = client().xrange(settings.EVENT_STREAM)
    assert [fields[b"n"] for _, fields in rows] == [b"1", b"3"]

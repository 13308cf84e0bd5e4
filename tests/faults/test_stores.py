"""Redis and PostgreSQL that are killed, frozen or away cost time, not events."""

import time
from collections.abc import Callable

import pytest

from tests.faults.load import Load
from tests.faults.stack import KEYS, SECONDS, Stack, eventually, rounds

pytestmark = [pytest.mark.full, pytest.mark.faults]

Check = Callable[[Load], None]
BOUNDED_SECONDS = 10.0


def test_redis_killed_and_started_again(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    with stack.slow_inserts(), stack.load(seed) as load:
        for _ in rounds(2):
            time.sleep(1.2)  # a second after its return Redis is used again
            stack.redis.kill()
            time.sleep(0.2)
            stack.redis.start()
    assert_nothing_lost(load)
    assert load.answers["queued"] > 0


def test_postgresql_killed_and_started_again(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    with stack.slow_inserts(), stack.load(seed) as load:
        for _ in rounds(2):
            time.sleep(0.7)
            stack.postgres.kill()
            stack.postgres.start()
    assert_nothing_lost(load)


def test_a_frozen_redis_delays_nobody_for_long(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    with stack.load(seed) as load:
        assert eventually(lambda: load.answers["queued"] > 0)
        stack.redis.pause()
        assert eventually(lambda: load.answers["stored"] > 0)
        stack.redis.resume()
        frozen = load.answers
        assert eventually(lambda: load.answers["queued"] > frozen["queued"] + 20)
    assert_nothing_lost(load)
    assert load.slowest < BOUNDED_SECONDS


def test_without_postgresql_events_are_still_accepted(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    with stack.load(seed) as load:
        assert eventually(lambda: {tenant for tenant, _ in load.acked} == set(KEYS))  # it knows the keys
        stack.postgres.stop()
        before = load.answers["queued"]
        time.sleep(SECONDS)
        assert eventually(lambda: load.answers["queued"] > before + 100)
        health = stack.web.get("/health")
        assert health["status"] == "degraded"
        assert health["services"]["database"] == "down"
        assert health["services"]["redis"] == "up"
        stack.postgres.start()
        assert eventually(lambda: stack.web.get("/health")["services"]["database"] == "up")
    assert_nothing_lost(load)
    assert load.slowest < BOUNDED_SECONDS
    last = max(event_id for tenant, event_id in load.acked if tenant == "acme")
    path = f"/api/v1/events/{last}"
    # The pool finds the database again by itself, a few seconds after it is back.
    assert eventually(lambda: stack.web.get(path, KEYS["acme"]).get("status") == "stored")


def test_a_full_redis_leaves_the_work_to_postgresql(
    stack: Stack, seed: str, assert_nothing_lost: Check
) -> None:
    with stack.load(seed) as load:
        assert eventually(lambda: load.answers["queued"] > 20)
        stack.stream.config_set("maxmemory", "1")
        try:
            stored = load.answers["stored"]
            assert eventually(lambda: load.answers["stored"] > stored + 50)
        finally:
            stack.stream.config_set("maxmemory", "0")
        queued = load.answers["queued"]
        assert eventually(lambda: load.answers["queued"] > queued + 20)
    assert_nothing_lost(load)
    assert load.answers.keys() <= {"queued", "stored", "duplicate"}


def test_a_log_that_redis_was_torn_away_from(stack: Stack, seed: str, assert_nothing_lost: Check) -> None:
    """Its last entry is half written, as after a power cut: what came before is there, and it starts."""
    with stack.load(seed) as load:
        assert eventually(lambda: load.answers["queued"] > 50)
        stack.redis.kill()
        log = max(stack.redis.directory.rglob("*.aof"), key=lambda path: path.stat().st_mtime)
        with log.open("ab") as file:
            file.write(b"*5\r\n$4\r\nXADD\r\n$13\r\nfaults:ev")
        stack.redis.start()
        queued = load.answers["queued"]
        assert eventually(lambda: load.answers["queued"] > queued + 20)
    assert_nothing_lost(load)

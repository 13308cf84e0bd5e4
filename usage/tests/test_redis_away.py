"""Redis gone, frozen or back: events go straight to the ledger and to the queue again, once each."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from accounts import redis_link, throttles
from accounts.models import Tenant
from tests.servers import Redis
from usage import queue
from usage.models import DeadLetter, DirtyHour, UsageEvent
from usage.queries.watermark import complete_through
from usage.shards import shards
from usage.tests.conftest import Post, drain
from usage.tests.documents import batch, event

pytestmark = [pytest.mark.full, pytest.mark.django_db]
# A request may wait once for Redis; the rest is what a busy machine needs for it.
PATIENCE: Final = 1.0
BATCH: Final = "/api/v1/events/batch"


@pytest.fixture
def redis(settings: Any) -> Iterator[Redis]:
    """A server of this test's own, which it may stop and freeze."""
    with Redis() as server:
        settings.REDIS_URL = server.url
        forget_connections()
        yield server
    forget_connections()


def forget_connections() -> None:
    for remembered in (redis_link.client, redis_link.patient_client, throttles._shared):
        remembered.cache_clear()
    shards()[0].appender._connection = (None, 0)
    ask_again()


def ask_again() -> None:
    """As when the breaker's second has passed."""
    redis_link.breaker._open_until = 0.0


def fallbacks() -> float:
    return REGISTRY.get_sample_value("event_queue_fallbacks_total") or 0.0


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    return call(), time.monotonic() - started


def ids(tenant: Tenant) -> list[str]:
    return sorted(UsageEvent.objects.for_tenant(tenant).values_list("event_id", flat=True))


def test_redis_stopped_and_started(post: Post, key: Callable[..., str], acme: Tenant, redis: Redis) -> None:
    caller, before = key("ingest"), fallbacks()
    assert post(caller, event(event_id="a")).json()["status"] == "queued"
    drain()
    redis.stop()
    answer, seconds = timed(lambda: post(caller, event(event_id="b")))
    assert (answer.status_code, answer.json()["status"], answer.json()["message"]) == (
        202,
        "stored",
        "Event stored",
    )
    assert seconds < PATIENCE
    assert ids(acme) == ["a", "b"]
    again = post(caller, batch(event(event_id="b"), event(event_id="c")), path=BATCH).json()
    assert [result["status"] for result in again["results"]] == ["duplicate", "stored"]
    assert fallbacks() - before == 2
    redis.start()
    ask_again()
    assert post(caller, event(event_id="d")).json()["status"] == "queued"
    assert ids(acme) == ["a", "b", "c"]
    drain()
    assert ids(acme) == ["a", "b", "c", "d"]
    assert fallbacks() - before == 2


@pytest.mark.parametrize("path", ["/api/v1/events", BATCH])
def test_redis_frozen(post: Post, key: Callable[..., str], acme: Tenant, redis: Redis, path: str) -> None:
    caller = key("ingest")
    wrap = batch if path == BATCH else dict
    post(caller, wrap(event(event_id="a")), path=path)
    redis.pause()
    answer, seconds = timed(lambda: post(caller, wrap(event(event_id="b")), path=path))
    assert (answer.status_code, seconds < PATIENCE) == (202, True)
    assert ids(acme) == ["b"]
    assert not redis_link.breaker.closed  # for a second nobody waits for it again
    redis.resume()
    ask_again()
    drain()
    assert ids(acme) == ["a", "b"]
    post(caller, wrap(event(event_id="c")), path=path)
    drain()
    assert ids(acme) == ["a", "b", "c"]


def test_an_append_that_timed_out_and_was_applied_all_the_same(
    post: Post, key: Callable[..., str], acme: Tenant, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command waits in the frozen server's socket: the event comes both ways and counts once."""
    caller = key("ingest")
    post(caller, event(event_id="a"))
    drain()
    monkeypatch.setattr(throttles, "_shared", throttles._local)  # the queue is the first to ask Redis
    redis.pause()
    assert post(caller, event(event_id="b", user_id="direct")).json()["status"] == "stored"
    redis.resume()
    ask_again()
    state = queue.state()
    assert state is not None
    assert state.depth == 1
    drain()
    assert ids(acme) == ["a", "b"]


def test_redis_that_refuses_to_write(post: Post, key: Callable[..., str], acme: Tenant, redis: Redis) -> None:
    caller = key("ingest")
    post(caller, event(event_id="a"))
    drain()
    redis_link.client().config_set("maxmemory", "1")
    assert post(caller, event(event_id="b")).json()["status"] == "stored"
    redis_link.client().config_set("maxmemory", "0")
    ask_again()
    assert post(caller, event(event_id="c")).json()["status"] == "queued"
    drain()
    assert ids(acme) == ["a", "b", "c"]


@pytest.fixture
def no_poison(acme: Tenant) -> None:
    """The database refuses an event of this id, whoever sends it."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_usageevent ADD CONSTRAINT no_poison CHECK (event_id <> 'poison')")


def letters() -> list[tuple[str, str | None, str, bool]]:
    rows = DeadLetter.objects.order_by("id").values_list("event_id", "tenant__slug", "kind", "reason")
    return [(event_id, tenant, kind, "no_poison" in reason) for event_id, tenant, kind, reason in rows]


def test_what_the_database_refuses_on_the_direct_road(
    post: Post, key: Callable[..., str], acme: Tenant, redis: Redis, no_poison: None
) -> None:
    caller = key("ingest")
    redis.stop()
    refused = post(caller, event(event_id="poison", timestamp="2026-03-01T10:00:00Z"))
    assert (refused.status_code, refused.json()["error"]) == (400, "validation_error")
    assert letters() == [("poison", "acme", "refused", True)]
    sent = [event(event_id=name, timestamp="2026-03-01T11:00:00Z") for name in ("a", "poison", "b")]
    answer = post(caller, batch(*sent), path=BATCH)
    assert answer.status_code == 202
    told = answer.json()
    assert [(result["event_id"], result["status"]) for result in told["results"]] == [
        ("a", "stored"),
        ("b", "stored"),
    ]
    assert (told["processed_count"], told["failed_count"]) == (2, 1)
    assert [(f["index"], f["event_data"]["event_id"]) for f in told["failed_events"]] == [(1, "poison")]
    assert ids(acme) == ["a", "b"]
    assert letters() == [("poison", "acme", "refused", True)] * 2
    hours = set(DirtyHour.objects.values_list("hour", flat=True))
    assert {hour.hour for hour in hours} == {11}  # what was refused changes no sum


def test_what_nobody_can_tell_while_redis_is_away(acme: Tenant, redis: Redis) -> None:
    assert complete_through() is not None
    redis.stop()
    assert complete_through() is None
    assert queue.state() is None
    assert queue.find(acme.pk, "a", 10) is None

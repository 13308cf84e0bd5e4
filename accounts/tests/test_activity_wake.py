"""An activity entry is kept, and told, whatever the sockets' channel does."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import transaction

from accounts import consumers, feed
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from accounts.redis_link import breaker
from accounts.services import wakes
from accounts.services.logs import record
from accounts.tests.listening import Client, Message, in_database, play, silently
from accounts.tests.outbox import happen
from tests.servers import Redis


def use(server: Redis, settings: Any) -> None:
    settings.REDIS_URL = server.url
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [server.url]},
        }
    }


@pytest.mark.full
@pytest.mark.django_db
def test_a_frozen_redis_holds_nobody_up(
    acme: Tenant,
    settings: Any,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Callable[[], None]]]],
) -> None:
    with Redis() as server:
        use(server, settings)
        server.pause()
        started = time.monotonic()
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            record(tenant=acme, type="test.done", by=SYSTEM, payload={})
        seconds = time.monotonic() - started
        deadline = started + 10
        while breaker.closed and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not breaker.closed
        server.resume()
    assert seconds < 0.5
    assert ActivityEntry.objects.for_tenant(acme).get().seq == 1


@pytest.mark.full
@pytest.mark.django_db
def test_a_redis_that_restarts_loses_nothing(
    acme: Tenant, key: Any, settings: Any, committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is away the pings look, for those who connect meanwhile, too; afterwards it wakes again."""
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    monkeypatch.setattr(consumers, "PING_SECONDS", 0.02)
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.0)
    secret = key("read")

    def deed() -> None:
        with committed(execute=True):
            happen(acme)

    async def first_told(client: Client) -> Message:
        """By Redis: nobody looks any more."""
        monkeypatch.setattr(feed, "LOOK_SECONDS", 1000.0)
        told = asyncio.create_task(client.next())
        while not told.done():
            breaker._open_until = 0.0
            await in_database(deed)
            await asyncio.wait([told], timeout=0.05)
        return told.result()

    async def scenario() -> None:
        async with Client(acme, x_api_key=secret) as early:
            assert (await early.next())["last_seq"] == 0
            server.stop()
            await silently(acme)
            async with Client(acme, "since=0", x_api_key=secret) as late:
                assert (await late.next())["last_seq"] == 1
                for client in (early, late):
                    assert (await client.next())["seq"] == 1
            server.start()
            assert (await first_told(early))["seq"] == 2

    with Redis() as server:
        use(server, settings)
        play(scenario)


def test_deeds_in_a_row_share_the_wake_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []

    class Layer:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            told.append((message["tenant"], time.monotonic()))

    monkeypatch.setattr(wakes, "get_channel_layer", Layer)
    monkeypatch.setattr(wakes, "REST_SECONDS", 0.5)
    waker = wakes.Waker()
    for deeds in (1, 20):
        for _ in range(deeds):
            waker.wake("acme")
        waker.wake("rival")
        waker.finish()
    assert sorted(tenant for tenant, _ in told) == ["acme"] * 2 + ["rival"] * 2
    first, second = (moment for tenant, moment in told if tenant == "acme")
    assert second - first >= 0.45

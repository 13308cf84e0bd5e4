"""An activity entry is kept whatever the sockets' channel does."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import transaction

from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from accounts.redis_link import breaker
from accounts.services.logs import record
from tests.servers import Redis


@pytest.mark.full
@pytest.mark.django_db
def test_a_frozen_redis_holds_nobody_up(
    acme: Tenant,
    settings: object,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[list[Callable[[], None]]]],
) -> None:
    with Redis() as server:
        settings.REDIS_URL = server.url  # type: ignore[attr-defined]
        settings.CHANNEL_LAYERS = {  # type: ignore[attr-defined]
            "default": {
                "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
                "CONFIG": {"hosts": [server.url]},
            }
        }
        server.pause()
        started = time.monotonic()
        with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
            record(tenant=acme, type="test.done", by=SYSTEM, payload={})
        seconds = time.monotonic() - started
        server.resume()
    assert seconds < 5
    assert not breaker.closed
    assert ActivityEntry.objects.for_tenant(acme).get().seq == 1

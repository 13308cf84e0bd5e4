"""Telling the sockets that there is something new, from a thread of the process that no deed waits for.

It keeps its loop, and with it its connection to Redis: a loop for each deed took a sixth of its time.
"""

import asyncio
import atexit
import os
import threading
from concurrent.futures import Future, wait
from functools import cache
from typing import Final

import redis
from channels.layers import get_channel_layer
from django.conf import settings

from accounts.redis_link import breaker

WAKE_GROUP: Final = "activity"
WAKE_SECONDS: Final = 1.0
REST_SECONDS: Final = 0.05


class Waker:
    """At most one wake of a tenant waits: what is asked for meanwhile it brings as well.

    The first goes at once, and the next after REST_SECONDS: a wake costs more than many a deed's own query.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._asked: set[str] = set()
        self._rested_at: dict[str, float] = {}
        self._sending: set[Future[None]] = set()
        threading.Thread(target=self._loop.run_forever, name="wakes", daemon=True).start()
        atexit.register(self.finish)

    def wake(self, tenant: str) -> None:
        if tenant in self._asked:
            return
        self._asked.add(tenant)
        sending = asyncio.run_coroutine_threadsafe(self._send(tenant), self._loop)
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    def finish(self) -> None:
        """Wait for what is under way, so that the last deed of a command is told as well."""
        wait(list(self._sending), WAKE_SECONDS)

    async def _send(self, tenant: str) -> None:
        await asyncio.sleep(self._rested_at.get(tenant, 0.0) - self._loop.time())
        self._asked.discard(tenant)  # before it is sent, as what is committed from now on needs another
        self._rested_at[tenant] = self._loop.time() + REST_SECONDS
        layer, message = get_channel_layer(), {"type": "activity.wake", "tenant": tenant}
        if layer is None:
            return
        try:
            await asyncio.wait_for(layer.group_send(WAKE_GROUP, message), WAKE_SECONDS)
        except (redis.RedisError, OSError):  # TimeoutError is an OSError
            breaker.trip()


@cache
def _waker(process_id: int) -> Waker:
    """A fork has none of its parent's threads."""
    return Waker()


def wake(tenant_id: object) -> None:
    """Have the tenant's sockets read what is new; without a wake they look every 25 s."""
    if not settings.REDIS_URL or breaker.closed:
        _waker(os.getpid()).wake(str(tenant_id))

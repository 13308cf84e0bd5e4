"""The streams in which accepted events wait: one on REDIS_URL's Redis, or several on a Redis Cluster.

On a cluster a tenant's events are in one stream, chosen by its id, and the hash tag in its name decides which
master holds it. Limits, cache, channels and Celery's broker stay on REDIS_URL.
"""

from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from accounts import redis_link
from accounts.redis_link import Breaker
from usage.appender import Appender
from usage.loop_appender import LoopAppender

PATIENT_SECONDS: Final = 10.0


class Shard:
    """A stream, and how to reach the Redis that holds it."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.appender = Appender(self.client, self.breaker)
        self._loop_appender: LoopAppender | None = None

    def loop_appender(self) -> LoopAppender:
        """That of the loop that runs; a process has one at a time."""
        if self._loop_appender is None or self._loop_appender.loop.is_closed():
            self._loop_appender = LoopAppender(self.url, self.breaker)
        return self._loop_appender

    @property
    def breaker(self) -> Breaker:
        return redis_link.breaker

    def url(self) -> str:
        """Where the stream is; this may ask."""
        return str(settings.REDIS_URL)

    def client(self) -> "redis.Redis":
        """For use inside requests."""
        return redis_link.client()

    def patient(self) -> "redis.Redis":
        """For background processes."""
        return redis_link.patient_client()

    def forget(self) -> None:
        """Something went wrong: look anew for who holds the stream, where that may change."""


class ClusterShard(Shard):
    """Each has a breaker of its own: the tenants of others do not notice when its master is away."""

    def __init__(self, stream: str) -> None:
        self._breaker = Breaker()
        self._views: dict[float, tuple[int, Any]] = {}
        super().__init__(stream)

    @property
    def breaker(self) -> Breaker:
        return self._breaker

    def url(self) -> str:
        given = urlsplit(settings.EVENT_CLUSTER_URL)
        master = self.client().connection_pool.connection_kwargs
        login, at, _ = given.netloc.rpartition("@")
        host = f"[{master['host']}]" if ":" in master["host"] else master["host"]
        return given._replace(netloc=f"{login}{at}{host}:{master['port']}").geturl()

    def client(self) -> "redis.Redis":
        return self._master(settings.REDIS_TIMEOUT_SECONDS)

    def patient(self) -> "redis.Redis":
        return self._master(PATIENT_SECONDS)

    def forget(self) -> None:
        self._breaker.trips += 1

    def _master(self, timeout: float) -> "redis.Redis":
        """Of the cluster as it was after the last failure."""
        failures = self._breaker.trips
        seen, cluster = self._views.get(timeout, (-1, None))
        try:
            if seen != failures:
                cluster = _view(timeout)
                self._views[timeout] = failures, cluster
            node: Any = cluster.get_node_from_key(self.stream)
            master: redis.Redis = cluster.get_redis_connection(node)
        except RedisClusterException as error:
            raise redis.ConnectionError(str(error)) from error
        return master


def _view(timeout: float) -> Any:
    return redis.RedisCluster.from_url(
        settings.EVENT_CLUSTER_URL,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )


def shards() -> tuple[Shard, ...]:
    return _shards(settings.EVENT_STREAM, settings.EVENT_CLUSTER_URL, settings.EVENT_SHARDS)


def shard_of(tenant_id: UUID) -> Shard:
    found = shards()
    return found[0] if len(found) == 1 else found[tenant_id.int % len(found)]


@cache
def _shards(stream: str, cluster: str, number: int) -> tuple[Shard, ...]:
    if not cluster:
        return (Shard(stream),)
    return tuple(ClusterShard(f"{stream}:{{{place}}}") for place in range(number))

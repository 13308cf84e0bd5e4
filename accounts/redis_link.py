"""Redis as a helper that may be away: short timeouts, no hidden retries, and a breaker."""

import time
from functools import cache
from typing import Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

REST_SECONDS: Final = 1.0


class RedisAway(Exception):
    """Redis is not configured, did not answer in time, or is being left alone after it did not."""


@cache
def client() -> "redis.Redis":
    """The process's client for use inside requests; a retried write could be applied twice, so none is."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


@cache
def patient_client() -> "redis.Redis":
    """For background processes, which may block and wait."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=10, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
    )


class Breaker:
    """After a failure Redis is not asked again for a second, so that a slow Redis costs little."""

    def __init__(self) -> None:
        self.trips = 0  # a connection made before the last one is not to be trusted
        self._open_until = 0.0

    @property
    def closed(self) -> bool:
        return bool(settings.REDIS_URL) and time.monotonic() >= self._open_until

    def require(self) -> None:
        if not self.closed:
            raise RedisAway

    def trip(self) -> None:
        self.trips += 1
        self._open_until = time.monotonic() + REST_SECONDS


breaker = Breaker()

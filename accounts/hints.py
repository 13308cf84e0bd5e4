"""Small values that may be lost at any time: in the cache, and nothing fails while Redis is away."""

from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.core.cache import cache

from accounts.redis_link import breaker


def hint(key: str) -> Any:
    """What was last said under a key; None when it is lost or old."""
    return _ask(lambda: cache.get(key))


def hint_set(key: str, value: Any, seconds: int) -> None:
    _ask(lambda: cache.set(key, value, seconds))


def _ask(cached: Callable[[], Any]) -> Any:
    if settings.REDIS_URL and not breaker.closed:
        return None
    try:
        return cached()
    except (redis.RedisError, OSError):
        breaker.trip()
        return None

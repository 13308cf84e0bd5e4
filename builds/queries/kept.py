"""Answers that are kept until the tenant's next deed."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import redis
from django.conf import settings
from django.core.cache import cache

from accounts.models import ActivityCounter, Tenant
from accounts.redis_link import breaker

KEEP_SECONDS: Final = 60


def kept(*, tenant: Tenant, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` answered since the tenant's last deed, or what it answers now.

    Every change of a build is a deed and moves the counter in its own transaction, so what was kept before
    it is not found again, wherever it was made and whether Redis was there then or not.
    """
    counter = ActivityCounter.objects.filter(tenant=tenant).values_list("last_seq", flat=True).first()
    told = hashlib.sha256(name.encode()).hexdigest()  # a name may hold what a key may not
    key = f"builds:{tenant.pk}:{counter or 0}:{told}"
    found: dict[str, Any] | None = _ask(lambda: cache.get(key))
    if found is None:
        found = make()
        _ask(lambda: cache.set(key, found, KEEP_SECONDS))
    return found


def _ask(cached: Callable[[], Any]) -> Any:
    """None while Redis is away."""
    if settings.REDIS_URL and not breaker.closed:
        return None
    try:
        return cached()
    except (redis.RedisError, OSError):
        breaker.trip()
        return None

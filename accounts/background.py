"""Asking Celery's workers for something."""

from typing import Any

import redis
from celery import signature
from django.conf import settings
from kombu.exceptions import OperationalError

from accounts.redis_link import breaker


def ask_worker(task: str, *, seconds: float = 0, **kwargs: Any) -> bool:
    """Have a worker do the task in so many seconds; whether it could be asked."""
    if settings.REDIS_URL and not breaker.closed:
        return False
    try:
        signature(task, kwargs=kwargs).apply_async(countdown=seconds)
    except (OperationalError, redis.RedisError, OSError):
        breaker.trip()
        return False
    return True

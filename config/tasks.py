"""The heartbeat of beat and worker."""

import time
from contextlib import suppress

from celery import shared_task
from django.core.cache import cache
from redis import RedisError

from config.probes import BEAT_KEY


@shared_task(name="config.beat")
def beat() -> None:
    """Leave the time where /status looks for it, unless that is away."""
    with suppress(RedisError):
        cache.set(BEAT_KEY, time.time(), 86400)

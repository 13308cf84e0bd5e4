"""The heartbeat of beat and worker."""

import time

from celery import shared_task

from accounts.hints import hint_set
from config.probes import BEAT_KEY


@shared_task(name="config.beat")
def beat() -> None:
    """Leave the time where /status looks for it, unless that is away."""
    hint_set(BEAT_KEY, time.time(), 86400)

"""The background of the one-process mode: Celery's worker and beat and the event writer, as threads.

None of them touches the process's signals: the server in the main thread ends them by `stop`.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from celery import Celery
from celery.beat import Service
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]  # not in its stubs
from celery.worker import WorkController, state
from django.conf import settings
from kombu.exceptions import OperationalError

from config.beat import Scheduler
from config.tasks import beat
from usage import writer

JOIN_SECONDS: Final = 5.0


class Background:
    def __init__(self, app: Celery) -> None:
        self._stop = threading.Event()
        schedule = str(settings.VAR_DIR / "beat-schedule")
        self._beat = Service(app, max_interval=1, schedule_filename=schedule, scheduler_cls=Scheduler)
        # One task at a time, in this thread: SQLite has one writer anyway, and nothing outlives the process.
        worker = WorkController(
            app=app, pool="solo", without_heartbeat=True, without_mingle=True, without_gossip=True
        )
        DjangoWorkerFixup(app).install()  # closes each task's database connection
        jobs: list[Callable[[], object]] = [worker.start, self._beat.start, first_heartbeat]
        if settings.REDIS_URL:
            jobs.append(partial(writer.run, self._stop))
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all of them; whoever is still at work after JOIN_SECONDS ends with the process."""
        self._stop.set()
        state.should_stop = 0  # type: ignore[assignment]  # the worker ends with this status
        self._beat.stop()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def first_heartbeat() -> None:
    """It need not wait for the schedule, which sends the next ones, once a Redis that is away is back."""
    with suppress(OperationalError):
        beat.delay()

"""Beat, for which the schedule holds whether or not there is a broker."""

from typing import Any

import structlog
from celery.beat import PersistentScheduler, ScheduleEntry, SchedulingError
from django.db import close_old_connections

log = structlog.get_logger(__name__)


class Scheduler(PersistentScheduler):
    """Does itself, one after the other, what no worker can be asked for because Redis is away.

    A worker that lives on may do the same at the same time: every task on the schedule allows for that.
    """

    producer: Any = None  # beat's own would wait for Redis before the first task

    def apply_async(self, entry: ScheduleEntry, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().apply_async(entry, *args, **kwargs)
        except SchedulingError as error:
            log.warning("task_done_by_beat", task=entry.task, reason=str(error))
        close_old_connections()
        try:
            return self.app.tasks[str(entry.task)].apply()
        finally:
            close_old_connections()

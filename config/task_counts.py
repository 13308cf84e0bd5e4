"""How background tasks end, counted where they run, and how a worker tells it to Prometheus."""

from typing import Any, Final

from celery import bootsteps, signals
from django.conf import settings
from prometheus_client import Counter, start_http_server

from config.exposition import counters

TASKS: Final = Counter("background_tasks_total", "Background tasks by how they ended", ["task", "outcome"])
# Prometheus sees no growth in a count that begins at 1.
for _entry in settings.CELERY_BEAT_SCHEDULE.values():
    for _outcome in ("succeeded", "failed"):
        TASKS.labels(_entry["task"], _outcome)


@signals.task_success.connect
def _succeeded(sender: Any, **_: Any) -> None:
    TASKS.labels(sender.name, "succeeded").inc()


@signals.task_failure.connect
def _failed(sender: Any, **_: Any) -> None:
    """Also told by the worker's parent when the process of a task was killed or took too long."""
    TASKS.labels(sender.name, "failed").inc()


class MetricsServer(bootsteps.StartStopStep):
    """`celery -A config worker --metrics-port 9102`: the counts of the worker and, with
    PROMETHEUS_MULTIPROC_DIR, of the processes that run its tasks."""

    def __init__(
        self, parent: Any, metrics_port: int | None = None, metrics_host: str = "127.0.0.1", **options: Any
    ) -> None:
        super().__init__(parent, **options)
        self.port, self.host = metrics_port, metrics_host

    def start(self, parent: Any) -> None:
        if self.port:
            start_http_server(self.port, addr=self.host, registry=counters())

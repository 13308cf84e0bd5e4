"""What /metrics answers: the counters of all processes, and what is measured at that moment."""

import math
import os
import shutil
import time
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.queries import deliveries_due
from config.metrics import open_here
from config.probes import BEAT_KEY, database, examine, measure, redis_server
from usage import queue
from usage.queries.backlog import dirty_hours_count, oldest_mark_seconds
from usage.queries.watermark import complete_through


def exposition() -> bytes:
    gauges = CollectorRegistry()
    gauges.register(Measured())
    return generate_latest(counters()) + generate_latest(gauges)


def counters() -> CollectorRegistry:
    """Of this process, or of all processes that share PROMETHEUS_MULTIPROC_DIR."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class Measured(Collector):
    """Gauges that nobody has to keep up to date, because they are read when they are asked for."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        values = measure({name: question for name, (_, question) in GAUGES.items()})
        for name, (text, _) in GAUGES.items():
            yield GaugeMetricFamily(name, text, value=values[name])
        yield _components()


def _components() -> GaugeMetricFamily:
    family = GaugeMetricFamily("component_up", "Whether a neighbour answers in time", labels=["component"])
    for found in examine({"database": database, "redis": redis_server}):
        if found.status != "disabled":
            family.add_metric([found.name], float(found.status != "unhealthy"))
    return family


def queue_depth() -> float:
    state = queue.state()
    return state.depth if state else _unsaid()


def queue_age() -> float:
    state = queue.state()
    return state.oldest_seconds if state else _unsaid()


def queue_durable() -> float:
    """1 too where there is no queue that could forget."""
    state = queue.state()
    if state is None or state.durable is None:
        return math.nan if settings.REDIS_URL else 1.0
    return float(state.durable)


def _unsaid() -> float:
    """Without Redis no event ever waits; one that is away does not say how many do."""
    return math.nan if settings.REDIS_URL else 0.0


def open_connections() -> float:
    """PostgreSQL knows those of every process; for SQLite they are this process's own."""
    if connection.vendor != "postgresql":
        return open_here()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return float(cursor.fetchone()[0])


def beat_age() -> float:
    """For ever while there was none, so that a beat that never began is missed too."""
    seen = cache.get(BEAT_KEY)
    return math.inf if seen is None else max(0.0, time.time() - seen)


def disk_free() -> float:
    disk = shutil.disk_usage(settings.VAR_DIR)
    return disk.free / disk.total


def ledger_complete_through() -> float:
    moment = complete_through()
    return moment.timestamp() if moment else math.nan


GAUGES: Final = {
    "redis_queue_size": ("Entries in the event queue that are not applied yet", queue_depth),
    "event_queue_oldest_seconds": ("Age of the oldest of them", queue_age),
    "event_queue_durable": ("Whether Redis keeps them on disk (appendonly)", queue_durable),
    "deliveries_due": ("Webhook messages and mails whose moment has come", deliveries_due),
    "usage_complete_through_seconds": (
        "Unix time before which every accepted event is in the ledger",
        ledger_complete_through,
    ),
    "usage_dirty_hours": ("Hours of tenants whose sums are to be made again", dirty_hours_count),
    "usage_oldest_mark_seconds": ("How long the oldest of them has waited", oldest_mark_seconds),
    "beat_heartbeat_age_seconds": ("How long ago beat and a worker last told of themselves", beat_age),
    "disk_free_ratio": ("Free part of the disk under VAR_DIR", disk_free),
    "database_connections_active": ("Connections to the database", open_connections),
}

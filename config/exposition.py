"""What /metrics answers: the counters of all processes, and what is measured at that moment."""

import math
import os
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import connection
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.queries import deliveries_due
from config.metrics import open_here
from config.probes import measure
from usage import queue
from usage.queries.backlog import dirty_hours_count, oldest_mark_seconds
from usage.queries.watermark import complete_through


def exposition() -> bytes:
    """With PROMETHEUS_MULTIPROC_DIR set, the counters are those of all processes that share it."""
    counters: CollectorRegistry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counters = CollectorRegistry()
        MultiProcessCollector(counters)  # type: ignore[no-untyped-call]
    gauges = CollectorRegistry()
    gauges.register(Measured())
    return generate_latest(counters) + generate_latest(gauges)


class Measured(Collector):
    """Gauges that nobody has to keep up to date, because they are read when they are asked for."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        values = measure({name: question for name, (_, question) in GAUGES.items()})
        for name, (text, _) in GAUGES.items():
            yield GaugeMetricFamily(name, text, value=values[name])


def queue_depth() -> float:
    state = queue.state()
    return state.depth if state else _unsaid()


def queue_age() -> float:
    state = queue.state()
    return state.oldest_seconds if state else _unsaid()


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


def ledger_complete_through() -> float:
    moment = complete_through()
    return moment.timestamp() if moment else math.nan


GAUGES: Final = {
    "redis_queue_size": ("Entries in the event queue that are not applied yet", queue_depth),
    "event_queue_oldest_seconds": ("Age of the oldest of them", queue_age),
    "deliveries_due": ("Webhook messages and mails whose moment has come", deliveries_due),
    "usage_complete_through_seconds": (
        "Unix time before which every accepted event is in the ledger",
        ledger_complete_through,
    ),
    "usage_dirty_hours": ("Hours of tenants whose sums are to be made again", dirty_hours_count),
    "usage_oldest_mark_seconds": ("How long the oldest of them has waited", oldest_mark_seconds),
    "database_connections_active": ("Connections to the database", open_connections),
}

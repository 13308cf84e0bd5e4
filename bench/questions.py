"""What people ask of a month: how long each answer takes, and how many queries."""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db import connection
from django.test import Client

from accounts.models import Tenant
from accounts.principals import SYSTEM
from bench.month import DAY, END, LATE_DAY, START, load_late
from usage.models import UsageEvent
from usage.queries.events import write_cursor
from usage.rollups import recompute_all
from usage.services.meters import meter_create

ROUNDS: Final = 7
MONTH: Final = {"from": START.isoformat(), "to": END.isoformat()}
ONE_DAY: Final = {"from": LATE_DAY.isoformat(), "to": (LATE_DAY + DAY).isoformat()}
WINDOW: Final = {"start_date": START.isoformat(), "end_date": END.isoformat()}
PAGE: Final = {**WINDOW, "limit": "20"}
DEPTHS: Final = (0.5, 0.99)


@dataclass(frozen=True, slots=True)
class Answer:
    """Milliseconds (the median), database queries (the fewest: at times a key is read again), and the goal;
    0 when there is none."""

    name: str
    ms: float
    queries: int
    goal_ms: float = 0

    def __str__(self) -> str:
        told = f"{self.name:45} {self.ms:11,.1f} ms  {self.queries:3} queries"
        if not self.goal_ms:
            return told
        return f"{told}  goal {self.goal_ms:8,.0f} ms  {'ok' if self.ms <= self.goal_ms else 'TOO SLOW'}"


class Asker:
    """Asks one tenant's questions by its key."""

    def __init__(self, tenant: Tenant, key: str) -> None:
        self.tenant = tenant
        self.client = Client(headers={"X-API-Key": key}, SERVER_NAME="localhost")

    def get(self, path: str, query: dict[str, str]) -> Any:
        answer = self.client.get(f"/api/v1{path}", query)
        if answer.status_code != 200:
            raise SystemExit(f"{path} was answered {answer.status_code}: {answer.content[:500]!r}")
        return json.loads(answer.content)

    def questions(self) -> list[tuple[str, float, Callable[[], Any]]]:
        """Name, goal in milliseconds, and what asks."""
        meters = {"by user": ("cpu", {**MONTH, "group_by": "user_id"}), "day": ("p95", ONE_DAY)}
        by_user, day = (partial(self.get, f"/meters/{slug}/query", query) for slug, query in meters.values())
        found: list[tuple[str, float, Callable[[], Any]]] = [
            ("month by service, with costs", 50, partial(self.get, "/usage/by-service", WINDOW)),
            ("meter by user over a month", 300, by_user),
            ("percentile over a day, raw", 1000, day),
            ("first page of events, with its total", 20, partial(self.get, "/usage", PAGE)),
        ]
        for depth in DEPTHS:
            page = partial(self.get, "/usage", {**PAGE, "cursor": self.cursor_at(depth)})
            found.append((f"page after {depth:.0%} of the events, with total", 20, page))
        return found

    def cursor_at(self, depth: float) -> str:
        events = UsageEvent.objects.for_tenant(self.tenant)
        newest = events.filter(timestamp__lte=END - (END - START) * depth).order_by("-timestamp", "-id")
        return write_cursor(newest[0])

    def define_meters(self) -> None:
        define = partial(meter_create, by=SYSTEM, tenant=self.tenant)
        define(slug="cpu", name="CPU", value="metrics.cpu_hours", aggregation="sum")
        define(
            slug="p95", name="Latency", value="metrics.latency_ms", aggregation="percentile", percentile=95
        )


def timed(name: str, goal_ms: float, ask: Callable[[], Any], rounds: int = ROUNDS) -> Answer:
    """The median of some rounds, after one that warms up unless there is only one."""
    if rounds > 1:
        ask()
    times, queries = [], []
    for _ in range(rounds):
        counter = _Counter()
        started = time.perf_counter()
        with connection.execute_wrapper(counter):
            ask()
        times.append((time.perf_counter() - started) * 1000)
        queries.append(counter.queries)
    return Answer(name, statistics.median(times), min(queries), goal_ms)


class _Counter:
    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.queries += 1
        return execute(*arguments)


def aggregate() -> None:
    list(recompute_all())


def run(slug: str, key: str, late: int) -> None:
    """Print each answer as it comes; `late` events come to one day at the end."""
    tenant = Tenant.objects.get(slug=slug)
    asker = Asker(tenant, key)
    asker.define_meters()
    print(timed("all sums of the month, from nothing", 0, aggregate, rounds=1), flush=True)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE usage_rollup")
    for question in asker.questions():
        print(timed(*question), flush=True)
    load_late(tenant.pk, late)
    print(timed(f"sums again after {late:,} late events", 30_000, aggregate, rounds=1), flush=True)

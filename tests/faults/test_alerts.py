"""The alerts of deploy/ fire under the fault that they are for, those alone, and none does in health."""

import http.client
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import promql_parser
import pytest
from celery import Celery

from config.tests.test_monitoring import RULES, selectors
from tests.faults.alerts import PROMTOOL, Scrape, Stretch, scrape, verdict
from tests.faults.load import Load
from tests.faults.programs import Worker
from tests.faults.stack import KEYS, Stack, eventually

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(PROMTOOL is None, reason="There is no promtool here (apt install prometheus)."),
]

BETWEEN_SECONDS: Final = 1.5
FROZEN_SECONDS: Final = 4.0
WANTED: Final = {str(s.name) for rule in RULES for s in selectors(promql_parser.parse(rule["expr"]))}
DELIVERIES: Final = """
INSERT INTO accounts_delivery (id, kind, target, event_type, mail_kind, payload, state, attempts,
    next_attempt_at, last_error, created_at)
SELECT gen_random_uuid(), 'mail', 'a@example.com', 'test.alert', '', '{}', 'pending', 0, now(), '', now()
FROM generate_series(1, 1001)
"""


class Watch:
    """What Prometheus would see of the processes that run."""

    def __init__(self, stack: Stack, worker: Worker, load: Load, directory: Path) -> None:
        self.stack, self.web, self.worker, self._load = stack, stack.web, worker, load
        self._directory = directory
        before = self.scraped()
        time.sleep(BETWEEN_SECONDS)
        self._health = Stretch(before, self.scraped())

    def scraped(self) -> Scrape:
        targets = [("skyledger-web", "web", self.web.port), ("skyledger-worker", "worker", self.worker.port)]
        targets += [("skyledger-writer", f"writer{n}", w.port) for n, w in enumerate(self.stack.writers)]
        return scrape(targets)

    def fires(
        self, *names: str, growing: Iterable[str] = (), since: Scrape | None = None, perhaps: str = ""
    ) -> None:
        """Those alone, under what is now, or was since that scrape; and none in health."""
        if since is None:
            since = self.scraped()
            time.sleep(BETWEEN_SECONDS)
        fault = Stretch(since, self.scraped(), frozenset(growing))
        said = verdict(self._health, fault, WANTED, set(names), self._directory, perhaps)
        assert not said, said

    def ask(self, key: str = KEYS["acme"]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.web.port, timeout=30)
        try:
            connection.request("GET", "/api/v1/usage?limit=1", headers={"X-API-Key": key})
            return connection.getresponse().status
        finally:
            connection.close()

    def ask_often(self, times: int = 24, key: str = KEYS["acme"]) -> set[int]:
        """The statuses of reads, eight at a time."""
        with ThreadPoolExecutor(8) as pool:
            return set(pool.map(lambda _: self.ask(key), range(times)))

    def end_load(self) -> None:
        """Leave the processes to who reads."""
        for producer in self._load.producers:
            producer.ended.set()
            producer.join()

    def failed_tasks(self) -> float:
        counts = self.scraped().values.items()
        return sum(n for name, n in counts if name.startswith("background_tasks") and "failed" in name)


@pytest.fixture(scope="module")
def its_worker(whole_stack: Stack) -> Iterator[Worker]:
    with Worker(whole_stack.environment) as worker:
        yield worker


@pytest.fixture
def watch(stack: Stack, its_worker: Worker, seed: str, tmp_path: Path) -> Iterator[Watch]:
    """In health and at work."""
    with Celery(broker=stack.redis.url) as sender, stack.load(seed) as load:
        sender.send_task("config.beat")
        assert eventually(lambda: load.answers["queued"] > 20 and stack.stored(seed) != [])
        assert eventually(lambda: stack.web.get("/ready")["overall"])
        yield Watch(stack, its_worker, load, tmp_path)
    stack.heal()


def test_none_fires_in_health(watch: Watch) -> None:
    before = watch.scraped()
    assert watch.ask_often() == {200}
    watch.fires(since=before)


def test_dead_writers_are_missed_and_so_is_what_is_left_undone(watch: Watch) -> None:
    for aggregator in watch.stack.aggregators:
        aggregator.kill()
    assert eventually(lambda: watch.stack.marked() > 0)
    for writer in watch.stack.writers:
        writer.kill()
    assert eventually(lambda: watch.stack.waiting()[0] > 0)
    ages = {"event_queue_oldest_seconds", "usage_oldest_mark_seconds", "beat_heartbeat_age_seconds"}
    watch.fires(
        "ProcessAway", "IngestStalled", "EventsWaitLong", "FiguresFallBehind", "BeatAway", growing=ages
    )


def test_a_database_that_is_away_is_told_with_what_fails_for_it(watch: Watch) -> None:
    watch.stack.postgres.stop()
    assert eventually(lambda: watch.stack.waiting()[0] > 0)
    watch.end_load()
    before = watch.scraped()
    with Celery(broker=watch.stack.redis.url) as sender:
        sender.send_task("usage.aggregate")
    assert watch.ask_often(8) == {503}
    assert eventually(lambda: watch.failed_tasks() > 0)
    alerts = ("DatabaseAway", "ServerErrors", "TasksFail", "IngestStalled")
    watch.fires(*alerts, since=before, perhaps="SlowAnswers")  # a refused connection is told soon, or late


def test_a_redis_that_forgets_or_is_away_is_told(watch: Watch) -> None:
    watch.stack.stream.config_set("appendonly", "no")
    try:
        watch.fires("QueueForgets")
    finally:
        watch.stack.stream.config_set("appendonly", "yes")
    watch.stack.redis.kill()
    assert eventually(lambda: watch.ask() == 200)
    watch.fires("RedisAway")


def test_guessed_passwords_are_told(watch: Watch) -> None:
    before = watch.scraped()
    assert watch.ask_often(100, key="guessed-key") == {401}
    watch.fires("GuessedPasswords", since=before)


def test_answers_that_wait_for_the_database_are_told(watch: Watch) -> None:
    watch.end_load()
    assert eventually(lambda: watch.stack.waiting() == (0, 0))
    assert watch.ask_often() == {200}  # with a connection for each
    watch.stack.sql(DELIVERIES)
    before = watch.scraped()
    watch.stack.postgres.pause()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(watch.ask_often, 8)
        time.sleep(FROZEN_SECONDS)
        watch.stack.postgres.resume()
    assert asked.result() == {200}
    try:
        watch.fires("SlowAnswers", "DeliveriesWait", since=before)
    finally:
        watch.stack.sql("DELETE FROM accounts_delivery WHERE event_type = 'test.alert'")


@pytest.mark.parametrize(
    ("series", "health", "fault", "name"),
    [
        ("disk_free_ratio{}", 0.5, 0.05, "DiskFull"),
        ('dead_letter_events_total{job="skyledger-writer"}', 0.0, 1.0, "DeadLetters"),
        ('conflicting_events_total{tenant_id="acme"}', None, 1.0, "DeadLetters"),
    ],
)
def test_one_alone_is_enough(
    series: str, health: float | None, fault: float, name: str, tmp_path: Path
) -> None:
    """By hand: nobody fills a disk that others use, and most installations never saw a conflict."""
    before = Scrape(0.0, {} if health is None else {series: health}, set())
    after = Scrape(0.0, {series: fault}, set())
    said = verdict(Stretch(before, before), Stretch(after, after), WANTED, {name}, tmp_path)
    assert not said, said

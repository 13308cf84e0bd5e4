"""Every metric of the older service is there and really recorded."""

import json
import math
import signal
from collections.abc import Callable
from io import StringIO
from typing import Any
from unittest.mock import Mock, call

import pytest
from django.core.management import call_command
from django.test import Client
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from accounts import redis_link
from accounts.models import Tenant
from config import metrics, startup, task_counts, tasks
from config.management.commands import write_events
from usage import queue, writer
from usage.queue import QueueState
from usage.tests.documents import batch, event

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("few_samples")]


def scrape() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = Client().get("/metrics").content.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def grown() -> Callable[..., float]:
    """How much a sample has grown since the test began."""
    before = scrape()

    def growth(name: str, **labels: str) -> float:
        sample = (name, frozenset(labels.items()))
        return scrape()[sample] - before.get(sample, 0)

    return growth


def test_calls_and_queries_are_counted(
    grown: Callable[..., float], key: Callable[..., str], client_for: Callable[..., APIClient]
) -> None:
    for _ in range(3):
        assert client_for(key("read")).get("/api/v1/usage").status_code == 200
    route = {"endpoint": "/api/v1/usage"}
    call = {"method": "GET", "tenant_id": "acme", **route}
    assert grown("api_requests_total", status_code="200", **call) == 3
    assert grown("api_request_duration_seconds_count", **call) == 3
    assert grown("query_requests_total", **route) == 3
    assert grown("query_duration_seconds_count", **route) == 3
    assert grown("database_query_duration_seconds_count", operation="select") >= 3


def test_refusals_are_counted(grown: Callable[..., float]) -> None:
    assert Client().get("/api/v1/usage", headers={"X-API-Key": "no-such-key"}).status_code == 401
    assert grown("authentication_failures_total", endpoint="/api/v1/usage") == 1


def test_calls_over_the_limit_are_counted(
    grown: Callable[..., float], key: Callable[..., str], client_for: Callable[..., APIClient], settings: Any
) -> None:
    settings.RATE_LIMIT_API_KEY = 1
    caller = client_for(key("read"))
    assert [caller.get("/api/v1/usage").status_code for _ in range(2)] == [200, 429]
    assert grown("rate_limit_exceeded_total", endpoint="/api/v1/usage") == 1


def test_a_caller_cannot_invent_labels() -> None:
    Client().generic("BREW", "/no/such/path")
    labels = [labels for name, labels in scrape() if name == "api_requests_total"]
    assert (
        frozenset({"method": "other", "endpoint": "unknown", "status_code": "404", "tenant_id": ""}.items())
        in labels
    )
    assert not any("no/such" in value or "BREW" in value for label in labels for _, value in label)


def test_past_the_limit_tenants_are_counted_together(
    grown: Callable[..., float],
    key: Callable[..., str],
    stranger_key: str,
    client_for: Callable[..., APIClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "MAX_CALLERS", len(metrics._seen) + 1)
    for caller in (key("read"), stranger_key, stranger_key):
        assert client_for(caller).get("/api/v1/usage").status_code == 200
    call = {"method": "GET", "endpoint": "/api/v1/usage", "status_code": "200"}
    assert grown("api_requests_total", tenant_id="acme", **call) == 1
    assert grown("api_requests_total", tenant_id="other", **call) == 2


def test_the_queue_is_measured_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "state", lambda: QueueState(42, 7.5, True))
    found = scrape()
    assert found["redis_queue_size", frozenset()] == 42
    assert found["event_queue_oldest_seconds", frozenset()] == 7.5
    assert found["event_queue_durable", frozenset()] == 1
    assert found["database_connections_active", frozenset()] >= 1


@pytest.mark.parametrize(("url", "unknown"), [("redis://127.0.0.1:1/0", True), ("", False)])
def test_a_queue_that_does_not_answer_is_not_called_empty(settings: Any, url: str, unknown: bool) -> None:
    settings.REDIS_URL = url
    found = scrape()
    for name in ("redis_queue_size", "event_queue_oldest_seconds"):
        assert math.isnan(found[name, frozenset()]) is unknown
        assert unknown or found[name, frozenset()] == 0
    assert unknown or found["event_queue_durable", frozenset()] == 1


def test_a_redis_that_keeps_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "state", lambda: QueueState(0, 0.0, False))
    assert scrape()["event_queue_durable", frozenset()] == 0


def test_what_nobody_can_measure_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ConnectionError

    monkeypatch.setattr(queue, "state", broken)
    found = scrape()
    assert found["redis_queue_size", frozenset()] != found["redis_queue_size", frozenset()]  # NaN
    assert found["database_connections_active", frozenset()] >= 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_writer_shows_its_own_counters_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, settings: Any, host: str
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    served = Mock()
    monkeypatch.setattr(write_events, "start_http_server", served)
    monkeypatch.setattr(startup, "prepare", Mock())
    monkeypatch.setattr(writer, "run", Mock())
    options = [] if host == "127.0.0.1" else ["--metrics-host", host]
    monkeypatch.setattr(signal, "signal", Mock())
    call_command("write_events", "--metrics-port", "9101", *options, stdout=StringIO())
    served.assert_called_once_with(9101, addr=host)


def test_stored_events_are_counted(
    grown: Callable[..., float],
    key: Callable[..., str],
    client_for: Callable[..., APIClient],
    settings: Any,
) -> None:
    settings.REDIS_URL = ""  # where Redis carries the events, their writer counts them
    llm = event(
        service_type="llm_service",
        event_type="completion",
        metrics={"model": "m1", "input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
        billing_info={"total_cost": "0.25", "currency": "USD"},
    )
    answer = client_for(key("ingest")).post("/api/v1/events/batch", batch(llm, event()))
    assert answer.status_code == 202, answer.content
    acme = {"tenant_id": "acme"}
    assert grown("events_processed_total", service_type="llm_service", event_type="completion", **acme) == 1
    assert grown("events_processed_total", service_type="compute", event_type="hours", **acme) == 1
    assert grown("batch_events_processed_total", **acme) == 2
    assert grown("event_processing_duration_seconds_count") >= 0
    assert grown("total_tokens_processed_total", **acme) == 15
    assert grown("total_cost_usd_total", **acme) == pytest.approx(0.25)


def test_tasks_are_counted_by_how_they_end(
    grown: Callable[..., float], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    task = "config.beat"
    tasks.beat.apply()
    monkeypatch.setattr(tasks, "hint_set", None)
    tasks.beat.apply()
    assert grown("background_tasks_total", task=task, outcome="succeeded") == 1
    assert grown("background_tasks_total", task=task, outcome="failed") == 1
    assert grown("background_tasks_total", task="usage.aggregate", outcome="failed") == 0


@pytest.mark.parametrize(("port", "serves"), [(None, False), (9102, True)])
def test_a_worker_shows_its_counters_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, port: int | None, serves: bool
) -> None:
    served = Mock()
    monkeypatch.setattr(task_counts, "start_http_server", served)
    task_counts.MetricsServer(None, metrics_port=port, metrics_host="0.0.0.0").start(None)
    assert served.call_args_list == serves * [call(9102, addr="0.0.0.0", registry=REGISTRY)]


def test_the_neighbours_and_beat_are_told_of(settings: Any) -> None:
    database, cache_server = (frozenset({("component", name)}) for name in ("database", "redis"))
    assert scrape()["beat_heartbeat_age_seconds", frozenset()] == math.inf
    tasks.beat.apply()
    found = scrape()
    assert found["component_up", database] == 1
    assert found.get(("component_up", cache_server)) == (1 if settings.REDIS_URL else None)
    assert 0 <= found["beat_heartbeat_age_seconds", frozenset()] < 60
    assert 0 < found["disk_free_ratio", frozenset()] < 1
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_link.client.cache_clear()
    assert scrape()["component_up", cache_server] == 0


@pytest.mark.parametrize(("limit", "logged"), [(1e-9, 1), (0, 0), (60, 0)])
def test_a_slow_statement_is_logged_without_its_values(
    settings: Any, capsys: pytest.CaptureFixture[str], limit: float, logged: int
) -> None:
    settings.SLOW_QUERY_SECONDS = limit
    Tenant.objects.filter(slug="whose-name-is-private").first()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    slow = [line for line in lines if line["event"] == "slow_query"]
    assert len(slow) == logged
    for line in slow:
        assert "SELECT" in line["sql"]
        assert line["seconds"] >= 0
        assert "whose-name-is-private" not in str(line)

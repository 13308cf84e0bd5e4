"""Health, readiness, status: true, quick, open to anyone, and silent about secrets."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client

from config import probes
from config.tasks import beat
from usage import queue
from usage.queue import QueueState

pytestmark = pytest.mark.django_db


@pytest.fixture
def http() -> Client:
    return Client(raise_request_exception=False)


def hang() -> probes.Finding:
    time.sleep(3)
    return "healthy", "at last"


def refuse() -> probes.Finding:
    raise OperationalError('connection to "db.internal" failed for user "skyledger" password=hunter2')


@pytest.mark.parametrize("root", ["", "/api/v1"])
@pytest.mark.parametrize("name", ["health", "ready", "status", "metrics", "openapi.json", "docs", "redoc"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_each_path_answers_at_both_roots(http: Client, root: str, name: str, slash: str) -> None:
    answer = http.get(f"{root}/{name}{slash}", headers={"X-API-Key": "no-such-key"})
    assert answer.status_code == 200


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "text/html", "application/json"])
def test_a_probe_gets_json_whatever_it_accepts(http: Client, accept: str) -> None:
    body = http.get("/health", headers={"Accept": accept}).json()
    assert set(body) == {"status", "service", "timestamp", "services", "version"}
    assert body["status"] in {"healthy", "degraded"}
    assert body["services"]["database"] == "up"


def test_the_root_tells_programs_and_takes_people_to_the_console(http: Client) -> None:
    assert http.get("/").json()["name"] == "Skyledger"
    assert http.get("/api/v1/").json()["version"]
    page = http.get("/", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page["Location"]) == (302, "/console/")


def test_the_root_of_the_api_shows_people_what_they_may_try(http: Client) -> None:
    page = http.get("/api/v1/", headers={"Accept": "text/html,*/*"}).text
    for path in ("builds", "usage", "costs/analytics", "recommendations/rules", "reports"):
        assert f'href="/api/v1/{path}"' in page
    for closed in ("auth/logout", "token"):  # to POST alone
        assert f'href="/api/v1/{closed}"' not in page
    assert 'href="/api/v1/builds/' not in page


@pytest.mark.parametrize("trouble", [hang, refuse])
def test_a_database_in_trouble_is_told_at_once_and_without_details(
    http: Client, monkeypatch: pytest.MonkeyPatch, trouble: probes.Question
) -> None:
    monkeypatch.setattr(probes, "database", trouble)
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(probes, "_asked", {})
    started = time.monotonic()
    health, ready, status = (http.get(path) for path in ("/health", "/ready", "/status"))
    assert time.monotonic() - started < 2
    # With Redis events are still accepted.
    verdict = "degraded" if settings.REDIS_URL else "unhealthy"
    assert (health.status_code, health.json()["status"]) == (200, verdict)
    assert health.json()["services"]["database"] == "down"
    assert (ready.status_code, ready["Retry-After"]) == (503, "5")
    assert ready.json()["database"] is ready.json()["overall"] is False
    assert status.json()["overall_status"] == verdict
    assert not any(word in status.content.decode() for word in ("hunter2", "db.internal", "skyledger\\"))


def test_a_question_that_hangs_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(probes, "_asked", {})
    over = threading.Event()
    asked: list[int] = []

    def wait() -> probes.Finding:
        asked.append(1)
        over.wait(5)
        return "healthy", ""

    for _ in range(5):
        assert probes.examine({"slow": wait})[0].status == "unhealthy"
    over.set()
    assert len(asked) == 1


def waiting(monkeypatch: pytest.MonkeyPatch, settings: Any, depth: int, age: float, durable: bool) -> None:
    settings.REDIS_URL = settings.REDIS_URL or "redis://127.0.0.1:1/0"
    monkeypatch.setattr(queue, "state", lambda: QueueState(depth, age, durable))


@pytest.mark.parametrize(("age", "code"), [(1.0, 200), (400.0, 503)])
def test_old_events_in_the_queue_make_it_unready(
    http: Client, monkeypatch: pytest.MonkeyPatch, settings: Any, age: float, code: int
) -> None:
    waiting(monkeypatch, settings, depth=7, age=age, durable=True)
    answer = http.get("/ready")
    assert answer.status_code == code
    assert answer.json()["ingest"] is (code == 200)


@pytest.mark.full
def test_status_warns_of_events_in_a_redis_without_appendonly(
    http: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    waiting(monkeypatch, settings, depth=7, age=1.0, durable=False)
    found = {c["name"]: c for c in http.get("/status").json()["components"]}
    assert found["redis"]["status"] == "degraded"
    assert "7 events would be lost" in found["redis"]["details"]
    assert found["event_queue"]["details"] == "7 entries waiting, the oldest for 1.0 s"


def test_redis_away_leaves_it_ready(http: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = http.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "redis": False, "ingest": True, "overall": True}
    assert http.get("/health").json()["status"] == "degraded"


def test_the_heartbeat_shows_that_beat_and_worker_live() -> None:
    assert probes.celery()[0] in {"disabled", "degraded"}
    beat()
    assert probes.celery()[0] == "healthy"
    cache.set(probes.BEAT_KEY, time.time() - 200)
    assert probes.celery()[0] == "degraded"


class Peer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" else 500)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def peer() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Peer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_peers_are_asked_by_name(http: Client, settings: Any, peer: str) -> None:
    settings.STATUS_PEERS = {"api01": f"{peer}/good", "api02": f"{peer}/bad", "api03": "http://127.0.0.1:1/"}
    answer = http.get("/status")
    found = {c["name"]: (c["status"], c["details"]) for c in answer.json()["components"]}
    assert found["api01"] == ("healthy", "HTTP 200")
    assert found["api02"] == ("unhealthy", "HTTP 500")
    assert found["api03"] == ("unhealthy", "does not answer (ConnectionError)")
    assert answer.json()["overall_status"] == "degraded"
    assert peer not in answer.content.decode()

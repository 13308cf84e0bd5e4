"""The whole platform in one process, as a real process with real sockets."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg.sql import SQL, Identifier
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.servers import Redis
from tests.servers.onebox import ROOT, OneBox

DEMO = {"X-API-Key": "dev-key-12345"}


class Box(OneBox):
    """With what these tests ask of it."""

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.base}{path}", headers=headers, timeout=5)

    def stream(self, organization: str, query: str = "", **kwargs: Any) -> Any:
        return connect(f"ws://127.0.0.1:{self.port}/ws/activity-stream/{organization}{query}", **kwargs)

    def do_something(self) -> str:
        """Something that the tenant's people can see: a new key. Returns its name."""
        name = f"key {time.monotonic()}"
        answer = requests.post(
            f"{self.base}/api/v1/api-keys", json={"name": name, "scopes": ["read"]}, headers=DEMO, timeout=5
        )
        assert answer.status_code == 201, answer.text
        return name

    def send(self, event_id: str) -> str:
        """Send one event; what became of it."""
        event = {"event_id": event_id, "tenant_id": "dev", "user_id": "u", "service_type": "llm_service"}
        event |= {"service_provider": "openai", "event_type": "completion"}
        rest = {"metadata": {"model": "gpt-4"}, "metrics": {"input_tokens": 1, "output_tokens": 2}}
        answer = requests.post(f"{self.base}/api/v1/events", json=event | rest, headers=DEMO, timeout=5)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["status"])


@pytest.fixture(scope="module", params=["embedded", pytest.param("full", marks=pytest.mark.full)])
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    directory = tmp_path_factory.mktemp("box")
    if request.param == "embedded":
        running = Box(directory, request.getfixturevalue("begun"))
    else:
        running = Box(directory, None, **fresh_servers())
    yield running.start()
    if running.process.poll() is None:
        assert running.end() == 0, running.log.read_text()


def fresh_servers() -> dict[str, str]:
    """A new database in the test run's PostgreSQL, and a database of its Redis that no other test uses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url, name = os.environ["DATABASE_URL"], f"skyledger_box_{worker}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    redis = f"{os.environ['REDIS_URL'].rpartition('/')[0]}/{15 - worker}"
    return {"DATABASE_URL": f"{url.rpartition('/')[0]}/{name}", "REDIS_URL": redis}


def receive(stream: Any) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(stream.recv(timeout=5))
    return message


def test_one_process_answers_for_everything(box: Box) -> None:
    assert box.get("/health").json()["services"]["database"] == "up"
    assert box.get("/ready").json()["overall"] is True
    assert "swagger-ui" in box.get("/docs").text
    assert box.get("/static/config/swagger.js").status_code == 200
    assert box.get("/ws/activity-stream/dev").json()["close_codes"]["1008"]


def test_a_charset_that_is_no_text_is_refused_in_words(box: Box) -> None:
    answer = box.get("/users?size=1", **{"Content-Type": "text/plain; charset=zlib"})
    assert answer.status_code == 400
    assert answer.json()["message"] == "The charset 'zlib' is not supported; send UTF-8."


def test_a_task_runs_without_a_worker_process(box: Box) -> None:
    """The heartbeat is queued like any task, run by the worker thread, and read from the cache."""

    def celery() -> str:
        found = {c["name"]: c["status"] for c in box.get("/status").json()["components"]}
        return str(found["celery"])

    box.wait_for(lambda: celery() == "healthy")


def test_gcore_is_answered_for_where_there_are_no_credentials(box: Box) -> None:
    gcore = json.loads((box.log.parent / "gcore-simulator.json").read_text())
    body = {"username": gcore["username"], "password": gcore["password"]}
    answer = requests.post(f"{gcore['base']}/iam/auth/jwt/login", json=body, timeout=5)
    assert set(answer.json()) == {"access", "refresh"}


def test_the_stream_tells_what_happens(box: Box) -> None:
    with box.stream("dev", additional_headers=DEMO) as stream:
        hello = receive(stream)
        assert hello["type"] == "connected"
        assert hello["organization_id"] == "dev"
        assert set(hello) == {"type", "organization_id", "user_id", "role", "ts", "last_seq"}
        box.do_something()
        event = receive(stream)
    assert event["type"] == "api_key.created"
    assert event["seq"] == hello["last_seq"] + 1
    assert set(event) == {"type", "organization_id", "ts", "seq", "payload"}


def test_what_was_missed_is_replayed(box: Box) -> None:
    with box.stream("dev", additional_headers=DEMO) as stream:
        before = receive(stream)["last_seq"]
    box.do_something()
    box.do_something()
    with box.stream("dev", f"?since={before}", additional_headers=DEMO) as stream:
        assert receive(stream)["last_seq"] == before + 2
        assert [receive(stream)["seq"] for _ in range(2)] == [before + 1, before + 2]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("?token=dev-key-12345", {}),
        ("", {"additional_headers": {"Authorization": "Bearer dev-key-12345"}}),
        ("", {"subprotocols": ["bearer", "dev-key-12345"]}),
    ],
)
def test_a_credential_may_come_in_three_ways(box: Box, query: str, options: dict[str, Any]) -> None:
    with box.stream("dev", query, **options) as stream:
        assert receive(stream)["type"] == "connected"
        assert stream.subprotocol == ("bearer" if "subprotocols" in options else None)
    assert "dev-key-12345" not in box.log.read_text().partition("Ctrl-C")[2]


@pytest.mark.parametrize(
    ("organization", "options"),
    [
        ("dev", {}),
        ("dev", {"additional_headers": {"Authorization": "Bearer wrong-key-1"}}),
        ("dev", {"additional_headers": {"Authorization": "Bearer a.b.c"}}),
        ("demo-tenant", {"additional_headers": DEMO}),
        ("no-such-tenant", {"additional_headers": DEMO}),
        ("dev", {"additional_headers": DEMO, "origin": "https://evil.example"}),
    ],
)
def test_strangers_are_shown_out(box: Box, organization: str, options: dict[str, Any]) -> None:
    with box.stream(organization, **options) as stream, pytest.raises(ConnectionClosed) as closed:
        stream.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.fixture
def own_box(tmp_path: Path, begun: Path) -> Iterator[Box]:
    running = Box(tmp_path, begun).start()
    yield running
    running.process.kill()
    running.process.wait()


@pytest.mark.full
def test_it_starts_first_without_its_redis_and_finds_it_later(tmp_path: Path) -> None:
    with Redis() as redis:
        redis.stop()
        box = Box(tmp_path, REDIS_URL=redis.url)
        try:
            box.start()
            assert box.get("/health").json()["status"] == "degraded"
            assert box.send("early") == "stored"
            redis.start()
            box.wait_for(lambda: box.get("/health").json()["status"] == "healthy", seconds=60)
            assert box.send("late") == "queued"
            redis.stop()
            assert box.end() == 0, box.log.read_text()
            assert "Traceback" not in box.log.read_text()
        finally:
            box.process.kill()
            box.process.wait()


def test_it_ends_cleanly_and_keeps_the_data(own_box: Box) -> None:
    box = own_box
    name = box.do_something()
    second = subprocess.run(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=box.environment, capture_output=True, text=True
    )
    assert second.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{box.port}: Address already in use" in second.stderr
    assert box.end(signal.SIGINT) == 0
    assert "Traceback" not in box.log.read_text()
    assert not (box.log.parent / "gcore-simulator.json").exists()
    box.start()
    assert name in box.get("/api/v1/api-keys", **DEMO).text
    assert box.end() == 0


def signed_in(box: Box) -> str:
    """The session cookie of the demo owner, as a browser gets it at the console's form."""
    browser = requests.Session()
    form = f"{box.base}/console/sign-in"
    browser.get(form, timeout=5)
    fields = {"account": "owner@example.com", "password": "demo12345"}
    fields["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
    browser.post(form, data=fields, headers={"Referer": form}, timeout=5)
    return f"sessionid={browser.cookies['sessionid']}"


def test_a_browser_listens_with_its_session_from_our_own_pages_only(box: Box) -> None:
    cookie = {"Cookie": signed_in(box)}
    with box.stream("demo-tenant", additional_headers=cookie, origin=box.base) as stream:
        hello = receive(stream)
    assert (hello["type"], hello["role"]) == ("connected", "owner")
    for origin in (None, "https://evil.example"):
        with box.stream("demo-tenant", additional_headers=cookie, origin=origin) as stream:
            with pytest.raises(ConnectionClosed) as closed:
                stream.recv(timeout=5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008

"""What a process refuses to start without, and how it says so."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from accounts.demo import demo_accounts_load
from accounts.models import ApiKey, User
from config import startup
from usage import queue
from usage.queue import QueueState

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "k8sJ2vQz7LmN4xYpR1tWcB9dF6gHaE3uXoZi5nVbMqKjTyUw0P",
    "DATABASE_URL": "postgresql://skyledger:secret@db.internal:5432/skyledger",
    "ALLOWED_HOSTS": "api.skyledger.example",
    "REDIS_URL": "redis://cache.internal:6379/0",
}


def manage(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return python("manage.py", *arguments, **environment)


def python(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "VAR_DIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=Path(configured.BASE_DIR),
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_production_without_settings_says_what_is_missing() -> None:
    run = manage("check")
    assert run.returncode != 0
    assert all(name in run.stderr for name in ("SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"))
    assert "For a local trial set ENVIRONMENT=development" in run.stderr


def test_production_settings_pass_djangos_own_checks() -> None:
    run = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert run.returncode == 0, run.stderr


PROCESSES = {
    "web": ["-c", "import config.wsgi"],
    "sockets": ["-c", "import config.asgi"],
    "writer": ["manage.py", "write_events"],
    "worker": ["-m", "celery", "-A", "config", "worker"],
    "migrate": ["manage.py", "migrate"],
    "beat": ["-m", "celery", "-A", "config", "beat"],
    "all in one": ["manage.py", "serve", "--port", "0"],
}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_a_database_that_does_not_come_ends_the_start_with_a_sentence(process: list[str]) -> None:
    away = {"DATABASE_URL": "postgresql://a:hunter2@127.0.0.1:1/x", "DATABASE_WAIT_SECONDS": "0"}
    run = python(*process, **{**PRODUCTION, **away})
    assert run.returncode == 1
    assert "The database did not answer within 0 seconds" in run.stderr
    assert "Traceback" not in run.stderr
    assert "hunter2" not in run.stderr


def test_it_waits_for_a_database_that_comes_late(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DATABASE_WAIT_SECONDS = 5
    monkeypatch.setattr(startup, "RETRY_SECONDS", 0)
    failures = iter([OperationalError("starting up"), OperationalError("starting up"), None])

    def ensure() -> None:
        if failure := next(failures):
            raise failure

    monkeypatch.setattr(connection, "ensure_connection", ensure)
    with capture_logs() as logs:
        startup.wait_for_database()
    assert [entry["event"] for entry in logs] == ["waiting_for_database"] * 2


@pytest.mark.django_db
def test_pending_migrations_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    startup.require_migrations()
    with without_a_migration(), pytest.raises(startup.CannotStart, match=r"lacks 1 migrations \(sessions\."):
        startup.require_migrations()


@contextmanager
def without_a_migration() -> Iterator[None]:
    """As if the newest migration of sessions had not run; undone with the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE id = "
            "(SELECT max(id) FROM django_migrations WHERE app = 'sessions')"
        )
    yield


@pytest.mark.django_db
def test_living_demo_rows_are_refused_where_it_matters(settings: Any) -> None:
    demo_accounts_load()
    startup.refuse_what_is_unsafe()
    settings.STRICT = True
    with pytest.raises(startup.CannotStart) as refused:
        startup.refuse_what_is_unsafe()
    assert "account or key admin@example.com is alive in this database. Start with" in str(refused.value)
    assert "test-api-key" in str(refused.value)
    User.objects.update(is_active=False)
    ApiKey.objects.update(revoked_at="2026-01-01T00:00:00Z")
    startup.refuse_what_is_unsafe()


@pytest.mark.parametrize(("durable", "warnings"), [(False, 1), (True, 0), (None, 0)])
def test_events_in_a_redis_without_appendonly_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, durable: bool | None, warnings: int
) -> None:
    monkeypatch.setattr(queue, "state", lambda: QueueState(3, 1.0, durable))
    with capture_logs() as logs:
        startup.warn_about_redis()
    assert len(logs) == warnings

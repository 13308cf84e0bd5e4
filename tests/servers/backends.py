"""The database and Redis of a test run, handed to the settings through the environment."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
import redis as redis_client

from tests.servers import postgres, redis
from tests.servers.process import Server, ServerError

LOGS: Final = Path(__file__).resolve().parents[2] / "var" / "tests"
WORKER: Final = os.environ.get("PYTEST_XDIST_WORKER", "")


class Backends:
    """`used` names what the run really works on, for its last line."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self._own: list[Server] = []
        self._var: tempfile.TemporaryDirectory[str] | None = None

    def prepare(self, *, embedded: bool) -> None:
        """Set DATABASE_URL and REDIS_URL; the workers of xdist share what the first process set.

        Errors: ServerError when a server that is named does not answer, or none can be started.
        """
        os.environ["ENVIRONMENT"] = "test"
        if WORKER:
            self._use_own_redis_database()
            return
        self._var = tempfile.TemporaryDirectory(prefix="sky-var-")
        os.environ["VAR_DIR"] = self._var.name
        if embedded:
            os.environ.update(DATABASE_URL=f"sqlite:///{self._var.name}/unused.sqlite3", REDIS_URL="")
            self.used.append("SQLite without Redis")
            return
        self._ensure("DATABASE_URL", lambda: postgres.Postgres(durable=False), postgres.version_at)
        self._ensure("REDIS_URL", redis.Redis, redis.version_at)
        _require_empty(os.environ["REDIS_URL"])

    def close(self, *, keep_logs: bool) -> None:
        """End our own servers; their logs are kept in `var/tests/` where that helps."""
        for server in self._own:
            server.close(keep_log=LOGS / f"{server.name}.log" if keep_logs else None)
        if self._var is not None:
            self._var.cleanup()

    def _ensure(self, name: str, make: Callable[[], Server], version_at: Callable[[str], str]) -> None:
        if url := os.environ.get(name, ""):
            self.used.append(f"{_answering(name, url, version_at)} from {name}")
            return
        server = make()
        self._own.append(server)
        os.environ[name] = server.start().url
        self.used.append(f"{server.version} own")

    def _use_own_redis_database(self) -> None:
        """Each worker takes the Redis database after the one before; its SQL database is pytest-django's."""
        if url := os.environ["REDIS_URL"]:
            parts = urlsplit(url)
            number = int(parts.path.strip("/") or 0) + 1 + int(WORKER.removeprefix("gw"))
            os.environ["REDIS_URL"] = parts._replace(path=f"/{number}").geturl()
            _require_empty(os.environ["REDIS_URL"])


def _answering(name: str, url: str, version_at: Callable[[str], str]) -> str:
    try:
        return version_at(url)
    except (psycopg.Error, redis_client.RedisError, ValueError) as error:
        raise ServerError(
            f"{name} is set, but what it names does not answer as it should: {error}\n"
            "Unset it to let the tests start a server of their own, or set SKYLEDGER_TESTS=embedded."
        ) from error


def _require_empty(url: str) -> None:
    with redis_client.Redis.from_url(url) as client:
        if client.dbsize():
            raise ServerError(
                f"Redis database {urlsplit(url).path} is not empty, and the tests would flush it: "
                "name another one in REDIS_URL, or none to let the tests start their own."
            )

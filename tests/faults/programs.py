"""The platform's own processes, started, killed and frozen like the servers that they use."""

import http.client
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGTERM
from typing import Any, Final

import redis

from tests.servers import Server
from tests.servers.process import ENVIRONMENT

ROOT: Final = Path(__file__).resolve().parents[2]
# One process, as in production; replicas have tests of their own.
GRANIAN: Final = ("--interface", "wsgi", "--workers", "1", "--blocking-threads", "4", "--no-access-log")


AGGREGATE: Final = """
import os, pathlib, time
from django.conf import settings
from django.db import DatabaseError, connection
from usage.rollups import recompute_all
pathlib.Path(settings.VAR_DIR, f"aggregator-{os.getpid()}").touch()
while True:
    try:
        list(recompute_all())
    except DatabaseError:
        connection.close()
    time.sleep(1)
"""


class Program(Server):
    """A Python program of the repository; `environment` is all that it gets."""

    stop_signal = SIGTERM

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__()
        self.cwd = ROOT
        self.environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": "1", **environment}
        self.var = Path(environment["VAR_DIR"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def version(self) -> str:
        return f"Python {sys.version.split()[0]}"


class Web(Program):
    """Production's web process."""

    name = "web"

    def _command(self) -> Sequence[str]:
        granian = (sys.executable, "-m", "granian", *GRANIAN, "--port", str(self.port))
        return [*granian, "config.wsgi:application"]

    def _answers(self) -> bool:
        try:
            return bool(self.get("/health"))
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str, key: str = "") -> Any:
        """The JSON answer of a path; its status is not looked at."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"X-API-Key": key} if key else {})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def send(self, path: str, body: Any, key: str) -> int:
        """Post JSON; the status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                "POST", path, json.dumps(body), {"X-API-Key": key, "Content-Type": "application/json"}
            )
            return connection.getresponse().status
        finally:
            connection.close()


class Intake(Web):
    """Events on an event loop."""

    name = "intake"

    def _command(self) -> Sequence[str]:
        uvicorn = (sys.executable, "-m", "uvicorn", "--port", str(self.port), "--log-level", "warning")
        return [*uvicorn, "config.asgi:application"]


class OneProcess(Intake):
    """The whole platform in one process, on SQLite."""

    name = "one-process"


class Aggregator(Program):
    """Makes sums again as long as it runs, as the task does that a worker is given again and again."""

    name = "aggregator"

    def _command(self) -> Sequence[str]:
        return [sys.executable, "manage.py", "shell", "-v0", "-c", AGGREGATE]

    def _answers(self) -> bool:
        return (self.var / f"aggregator-{self.pid}").exists()


class Writer(Program):
    """An event writer; it runs once the stream's group lists it."""

    name = "writer"

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self._stream = environment["EVENT_STREAM"]
        self._redis = redis.Redis.from_url(environment["REDIS_URL"])

    def _command(self) -> Sequence[str]:
        return [sys.executable, "manage.py", "write_events", "--metrics-port", str(self.port)]

    def _answers(self) -> bool:
        try:
            return self._listed() is not None
        except redis.RedisError:
            return False

    @property
    def held(self) -> int:
        """Entries that it has taken from the stream and not struck off."""
        listed = self._listed()
        return listed["pending"] if listed else 0

    def _listed(self) -> Any:
        consumers: Any = self._redis.xinfo_consumers(self._stream, "writers")
        return next((c for c in consumers if f"-{self.pid}-".encode() in c["name"]), None)


class Worker(Program):
    """A worker of Celery's; it runs once it waits for work."""

    name = "worker"

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(environment)
        self._redis = redis.Redis.from_url(environment["REDIS_URL"])

    pool: Sequence[str] = ("-P", "threads", "-c", "8")

    def _command(self) -> Sequence[str]:
        alone = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        celery = (sys.executable, "-m", "celery", "-A", "config", "worker", *self.pool)
        return [*celery, *alone, "--metrics-port", str(self.port)]

    def _answers(self) -> bool:
        clients: Any = self._redis.client_list()
        return any(client["cmd"] == "brpop" for client in clients)

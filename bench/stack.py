"""Servers and processes of a bench run, and the processor time that they use."""

import http.client
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import redis

from tests.servers.postgres import Postgres
from tests.servers.redis import Redis

ROOT: Final = Path(__file__).resolve().parents[1]
TICKS: Final = os.sysconf("SC_CLK_TCK")
KEY: Final = "bench-key-12345"
TENANT: Final = "acme"
GRANIAN: Final = ["-m", "granian", "--interface", "wsgi", "--no-access-log"]
GRANIAN_SIZE: Final = ["--workers", "2", "--blocking-threads", "8", "--workers-kill-timeout", "5"]
UVICORN: Final = ["-m", "uvicorn", "--workers", "2", "--no-access-log", "--log-level", "warning", "--port"]
SETUP: Final = """
from accounts.keyring import hash_key, prefix_of
from accounts.models import ApiKey, Tenant
tenant = Tenant.objects.create(slug="{tenant}", name="Bench")
ApiKey.objects.create(tenant=tenant, name="bench", prefix=prefix_of("{key}"), key_hash=hash_key("{key}"),
                      scopes=["build", "ingest", "read"])
print(tenant.pk)
"""


class Process:
    """A process tree whose processor time can be read."""

    def __init__(self, *command: str, env: Mapping[str, str], port: int | None = None) -> None:
        self.child = subprocess.Popen(command, cwd=ROOT, env=dict(env), stdout=subprocess.DEVNULL)
        if port is not None:
            wait_for_answer(port, self.child)

    def cpu_seconds(self) -> float:
        return sum(_cpu(pid) for pid in tree(self.child.pid))

    def end(self) -> None:
        self.child.terminate()
        self.child.wait(30)


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for name in filter(str.isdigit, os.listdir("/proc")):  # a glob would fail for one that ends meanwhile
        try:
            parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]
        except (FileNotFoundError, ProcessLookupError):
            continue
        children[int(parent)].append(int(name))
    found = [pid]
    for each in found:  # which grows by the children of each
        found += children[each]
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def wait_for_answer(port: int, child: "subprocess.Popen[bytes]") -> None:
    """Until the application answers; a listening port says only that its server has started."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise SystemExit(f"A server of the bench ended with code {child.returncode} before it answered.")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/nothing-here")
            connection.getresponse()
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    raise SystemExit(f"A server of the bench did not answer on port {port} within a minute.")


class Stack:
    """PostgreSQL with fsync and Redis with AOF, migrated, with one tenant and one key."""

    def __init__(self) -> None:
        self.postgres = Postgres(settings={"shared_buffers": "1GB", "max_wal_size": "8GB"})
        self.redis = Redis(appendonly=True)
        self.env: dict[str, str] = {}
        self.tenant_id = ""

    def start(self) -> None:
        self.postgres.start()
        self.redis.start()
        self.env = {
            **os.environ,
            "ENVIRONMENT": "test",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "LOG_LEVEL": "WARNING",
            # Counted in full, but out of reach.
            "RATE_LIMIT_API_KEY": "1000000000",
            "RATE_LIMIT_TENANT": "1000000000",
            "REDIS_TIMEOUT_SECONDS": "2",
            "BENCH_KEY": KEY,
            "BENCH_TENANT": TENANT,
            "PYTHONPATH": str(ROOT),
        }
        self.manage("migrate", "-v0")
        script = SETUP.format(tenant=TENANT, key=KEY)
        self.tenant_id = self.manage("shell", "-v0", "-c", script).split()[-1]
        self.env["BENCH_TENANT_UUID"] = self.tenant_id

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def process(self, *arguments: str, port: int | None = None, **env: str) -> Process:
        return Process(sys.executable, *arguments, env={**self.env, **env}, port=port)

    def empty_redis(self) -> None:
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def stop(self) -> None:
        self.redis.stop()
        self.postgres.stop()


@contextmanager
def running(*processes: Process) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.end()


def lane(stack: Stack, port: int) -> Process:
    return stack.process(*GRANIAN, *GRANIAN_SIZE, "--port", str(port), "config.wsgi:application", port=port)


def loop(stack: Stack, port: int) -> Process:
    return stack.process(*UVICORN, str(port), "--no-proxy-headers", "config.asgi:application", port=port)


def django(stack: Stack, port: int) -> Process:
    return stack.process(*GRANIAN, *GRANIAN_SIZE, "--port", str(port), "config.wsgi:django", port=port)


def fastapi(stack: Stack, port: int) -> Process:
    return stack.process(*UVICORN, str(port), "bench.reference.gateway:app", port=port)

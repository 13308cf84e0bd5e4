"""Load with wrk: a fixed request over keep-alive connections for a few seconds."""

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.stack import KEY, TENANT

# About 340 bytes. Without an id the server gives one, so each request is a new event.
EVENT: Final[dict[str, Any]] = {
    "tenant_id": TENANT,
    "timestamp": "2026-11-01T12:00:00Z",
    "user_id": "user-000017",
    "service_type": "compute",
    "service_provider": "gcore",
    "event_type": "vm_usage",
    "metrics": {"cpu_hours": 1.5, "memory_gb_hours": 4, "network_bytes": 1234567, "disk_gb_hours": 10.25},
    "billing_info": {"total_cost": "0.012345", "currency": "EUR"},
    "tags": ["production", "team-a"],
}
BATCH: Final = 1000
COLUMNS: Final = (
    "id, tenant_id, event_id, timestamp, user_id, service_type, service_provider, event_type,"
    " metrics, billing_info, tags, metadata, session_id, request_id, received_at"
)


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: answered requests per second, how many in all, and how many were not 2xx."""

    rate: float
    requests: int
    failed: int
    p50_ms: float
    p99_ms: float


def body(batch: bool) -> str:
    return json.dumps({"events": [EVENT] * BATCH} if batch else EVENT, separators=(",", ":"))


def wrk(port: int, *, batch: bool, seconds: int, connections: int) -> Load:
    """The same event or batch again and again."""
    path = "/api/v1/events/batch" if batch else "/api/v1/events"
    script = "\n".join(
        [
            'wrk.method = "POST"',
            'wrk.headers["Content-Type"] = "application/json"',
            f'wrk.headers["X-API-Key"] = "{KEY}"',
            f"wrk.body = {json.dumps(body(batch))}",
        ]
    )
    return run_wrk(port, path, script, seconds=seconds, connections=connections)


def run_wrk(port: int, path: str, script: str, *, seconds: int, connections: int) -> Load:
    """The requests that a Lua script makes."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("The bench needs wrk to make load: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "request.lua"
        file.write_text(script)
        command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(file)]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True
        )
    return _read(done.stdout)


def _read(text: str) -> Load:
    def number(pattern: str) -> float:
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    return Load(
        rate=number(r"Requests/sec:\s+([\d.]+)"),
        requests=int(number(r"(\d+) requests in")),
        failed=int(number(r"Non-2xx or 3xx responses: (\d+)")),
        p50_ms=_milliseconds(text, "50%"),
        p99_ms=_milliseconds(text, "99%"),
    )


def _milliseconds(text: str, label: str) -> float:
    found = re.search(rf"{label}\s+([\d.]+)(us|ms|s)", text)
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]] if found else 0.0

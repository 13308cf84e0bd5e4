"""Sends calls over kept connections, paced or as fast as they are answered, and notes each."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from config.loadtest.calls import Call, Caller

PATIENCE_SECONDS: Final = 30.0
NO_ANSWER: Final = 0


class Sample(NamedTuple):
    """When a call was due, and how long until its answer, in seconds; its status, 0 without one."""

    at: float
    seconds: float
    name: str
    status: int


@dataclass(frozen=True)
class Target:
    url: str
    key: str

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)

    def send(
        self, connection: http.client.HTTPConnection, call: Call
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        """Status, body and headers. Errors: OSError, HTTPException, ValueError."""
        root = urlsplit(self.url).path.rstrip("/")
        body = None if call.body is None else json.dumps(call.body)
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        connection.request(call.method, f"{root}/api/v1{call.path}", body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"null"), response.headers


def measure(
    target: Target,
    caller: Caller,
    *,
    seconds: float,
    connections: int,
    rate: float = 0,
    ended: Callable[[], bool] = lambda: False,
) -> list[Sample]:
    """Let so many connections call for so long, together at `rate` calls a second if one is given.

    A paced call's time runs from the moment at which it was due: waiting for a free connection counts.
    """
    numbers, lock = itertools.count(), threading.Lock()
    start = time.monotonic()

    def due() -> float:
        with lock:
            number = next(numbers)
        return start + number / rate if rate else time.monotonic()

    def work(_: int) -> list[Sample]:
        samples = []
        connection = target.connect()
        while (moment := due()) < start + seconds and not ended():
            time.sleep(max(0.0, moment - time.monotonic()))
            name, status = _one(target, connection, caller)
            samples.append(Sample(moment - start, time.monotonic() - moment, name, status))
        connection.close()
        return samples

    with ThreadPoolExecutor(connections) as pool:
        return sorted(sample for found in pool.map(work, range(connections)) for sample in found)


def _one(target: Target, connection: http.client.HTTPConnection, caller: Caller) -> tuple[str, int]:
    call = caller.choose()
    try:
        status, body, _ = target.send(connection, call)
        caller.answered(call, status, body)
    except (OSError, http.client.HTTPException, ValueError):
        connection.close()
        status = NO_ANSWER
    return call.name, status


def flood(target: Target, tenant: str, seed: int, rate: float, seconds: float, ended: Any) -> None:
    """One tenant far beyond its limit, until it is told to end; in a process of its own, as its own clients
    would be, so that it takes no time from those who measure."""
    measure(target, Caller(tenant, {}, seed), seconds=seconds, connections=16, rate=rate, ended=ended.is_set)

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
LIMITED: Final = 429
TOLD_CHARACTERS: Final = 200


class Sample(NamedTuple):
    """When a call was due, and how long until its answer, in seconds; its status, 0 without one.

    `why` it failed, in the words of the answer or of what came in place of one.
    """

    at: float
    seconds: float
    name: str
    status: int
    why: str = ""

    @property
    def failed(self) -> bool:
        return self.status == NO_ANSWER or (self.status >= http.client.BAD_REQUEST and self.status != LIMITED)


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
        """Status, body and headers; the body of another media type is None. Errors: OSError, HTTPException,
        ValueError."""
        root = urlsplit(self.url).path.rstrip("/")
        body = None if call.body is None else json.dumps(call.body)
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        connection.request(call.method, f"{root}/api/v1{call.path}", body, headers)
        response = connection.getresponse()
        text = response.read()
        is_json = response.headers.get_content_subtype().endswith("json")
        return response.status, json.loads(text or b"null") if is_json else None, response.headers


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
            call = caller.choose()
            status, why = exchange(target, connection, caller, call)
            samples.append(Sample(moment - start, time.monotonic() - moment, call.name, status, why))
        connection.close()
        return samples

    with ThreadPoolExecutor(connections) as pool:
        return sorted(sample for found in pool.map(work, range(connections)) for sample in found)


def exchange(
    target: Target, connection: http.client.HTTPConnection, caller: Caller, call: Call
) -> tuple[int, str]:
    """Send one call and let its caller know the answer; the status, and why it failed if it did."""
    try:
        status, body, _ = target.send(connection, call)
        why = reason(body) if status >= http.client.BAD_REQUEST else ""
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        status, body, why = NO_ANSWER, None, reason(error)
    caller.answered(call, status, body)
    return status, why


def reason(told: Any) -> str:
    """What an error's body says, or what an exception is, in a line."""
    if isinstance(told, Exception):
        told = {"error": type(told).__name__, "message": told}
    if not isinstance(told, dict):
        return ""
    return f"{told.get('error', '')}: {told.get('message', '')}"[:TOLD_CHARACTERS]


def flood(target: Target, tenant: str, seed: int, rate: float, seconds: float, ended: Any) -> None:
    """One tenant far beyond its limit, until it is told to end; in a process of its own, as its own clients
    would be, so that it takes no time from those who measure."""
    measure(target, Caller(tenant, {}, seed), seconds=seconds, connections=16, rate=rate, ended=ended.is_set)

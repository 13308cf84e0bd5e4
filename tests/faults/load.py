"""Producers that send events with known ids and amounts, and remember what was answered 2xx."""

import http.client
import json
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Self

PATH: Final = "/api/v1/events"
BATCH_PATH: Final = "/api/v1/events/batch"
PATIENCE_SECONDS: Final = 60.0  # far beyond what any answer may take, so that a hang is seen as one
SENT_TWICE: Final = 0.05
LARGEST_BATCH: Final = 20
PAUSE_SECONDS: Final = 0.02  # leaves the processors some time for those who are being tested


def amount_of(event_id: str) -> Decimal:
    """The metric of an event follows from its id, so that an altered one is found."""
    return Decimal(zlib.crc32(event_id.encode()) % 100_000) / 100


def hour_of(event_id: str) -> str:
    """Spreads the events over three days."""
    number = zlib.crc32(event_id.encode()) % 72
    return f"2026-11-{1 + number // 24:02}T{number % 24:02}"


def event(tenant: str, event_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "event_id": event_id,
        "timestamp": f"{hour_of(event_id)}:30:00Z",
        "user_id": "fault-test",
        "service_type": "compute",
        "service_provider": "gcore",
        "event_type": "vm_usage",
        "metrics": {"amount": float(amount_of(event_id))},
        **changes,
    }


def post(
    connection: http.client.HTTPConnection, path: str, body: Any, headers: Mapping[str, str]
) -> tuple[int, Any]:
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read() or b"{}")


def send_alone(port: int, key: str, body: Mapping[str, Any]) -> tuple[int, Any]:
    """Post one event over a connection of its own; the status is 0 when there was no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        return post(connection, PATH, body, {"X-API-Key": key, "Content-Type": "application/json"})
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


class Producer(threading.Thread):
    """Sends singles and batches of one tenant over one kept connection, some of them twice."""

    def __init__(self, port: int, tenant: str, key: str, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.tenant = tenant
        self.acked: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self.ended = threading.Event()
        self._random = random.Random(name)
        self._sent: list[str] = []
        self._headers = {"X-API-Key": key, "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def run(self) -> None:
        while not self.ended.is_set():
            self._send(self._choose())
            self.ended.wait(PAUSE_SECONDS)
        self._connection.close()

    def _choose(self) -> list[str]:
        if self._sent and self._random.random() < SENT_TWICE:
            return sorted(set(self._random.choices(self._sent, k=3)))
        size = self._random.choice((1, self._random.randint(2, LARGEST_BATCH)))
        fresh = [f"{self.name}-{len(self._sent) + n}" for n in range(size)]
        self._sent += fresh
        return fresh

    def _send(self, ids: Sequence[str]) -> None:
        events = [event(self.tenant, event_id) for event_id in ids]
        started = time.monotonic()
        try:
            status, answer = self._post(events)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            status, answer = 0, {}
        self.slowest = max(self.slowest, time.monotonic() - started)
        if status != 202:
            self.answers[f"HTTP {status}" if status else "no answer"] += len(ids)
            self.ended.wait(0.05)
            return
        for result in answer.get("results") or [answer]:
            self.acked.add(result["event_id"])
            self.answers[result["status"]] += 1

    def _post(self, events: list[dict[str, Any]]) -> tuple[int, Any]:
        path, body = BATCH_PATH, {"events": events}
        if len(events) == 1:
            path, body = PATH, events[0]
        return post(self._connection, path, body, self._headers)


class Load:
    """Producers at work inside a `with`, at each port as many.

    `keys` maps tenants to their keys, `name` begins each event id.
    """

    def __init__(
        self, ports: Sequence[int], keys: Mapping[str, str], name: str, *, per_tenant: int = 2
    ) -> None:
        self.name = name
        self.producers = [
            Producer(ports[n % len(ports)], tenant, key, f"{name}-{tenant}-{n}")
            for tenant, key in keys.items()
            for n in range(per_tenant)
        ]
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self.seconds = -time.monotonic()
        for producer in self.producers:
            producer.start()
        return self

    def __exit__(self, *_: object) -> None:
        for producer in self.producers:
            producer.ended.set()
        for producer in self.producers:
            producer.join()
        self.seconds += time.monotonic()

    @property
    def acked(self) -> set[tuple[str, str]]:
        """(tenant, event id) of each event whose sender was told that it is kept."""
        return {(producer.tenant, i) for producer in self.producers for i in producer.acked.copy()}

    @property
    def answers(self) -> Counter[str]:
        """How many events were answered with which status, or with none."""
        return sum((producer.answers.copy() for producer in self.producers), Counter())

    @property
    def slowest(self) -> float:
        """Seconds of the longest wait for an answer or an error."""
        return max(producer.slowest for producer in self.producers)

"""What the callers of a tenant ask for, each as often as it is asked for in real life."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

BATCH: Final = 50
KEPT_BUILDS: Final = 200
STATES: Final = (10, 20, 30, 40, 50)
REPORT: Final = "POST /builds/{id}/state"
QUERIES: Final = {"GET /usage": "?limit=50", "GET /usage/aggregate": "?period=day"}
# Name → how many of a hundred calls.
MIX: Final = {
    "POST /events": 40,
    "POST /events/batch": 10,
    "GET /usage": 14,
    "GET /usage/aggregate": 8,
    "GET /usage/by-service": 4,
    "POST /builds": 4,
    REPORT: 8,
    "GET /builds": 4,
    "GET /resources": 6,
    "GET /costs/summary": 2,
}


class Call(NamedTuple):
    """`build` is its id, and how many states were reported of it."""

    name: str
    method: str
    path: str
    body: Any = None
    build: tuple[str, int] = ("", 0)


@dataclass
class Caller:
    """Chooses calls by chance; shared by all connections. `lines`: a platform, OS and image of the tenant's,
    without which nothing is built."""

    tenant: str
    lines: Mapping[str, str]
    seed: int
    _builds: list[tuple[str, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311  (chooses calls, guards nothing)
        self._mix = {name: share for name, share in MIX.items() if self.lines or "/builds" not in name}

    def choose(self) -> Call:
        with self._lock:
            name = self._dice.choices(list(self._mix), list(self._mix.values()))[0]
            number = self._dice.getrandbits(48)
            if name == REPORT and self._builds:  # nobody else's until it is answered: states come in order
                build = self._builds.pop(number % len(self._builds))
                path = f"/builds/{build[0]}/state"
                return Call(name, "POST", path, {"state_code": STATES[build[1]]}, build)
        name = "POST /builds" if name == REPORT else name
        method, _, path = name.partition(" ")
        return Call(name, method, path + QUERIES.get(name, ""), self._body(name, number))

    def _body(self, name: str, number: int) -> Any:
        if name == "POST /events":
            return self._event(number)
        if name == "POST /events/batch":
            return {"events": [self._event(number + n) for n in range(BATCH)]}
        if name == "POST /builds":
            return {**self.lines, "build_id": f"load-test-{number:x}"}
        return None

    def _event(self, number: int) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant,
            "user_id": f"load-test-{number % 100}",
            "service_type": "load_test",
            "service_provider": "skyledger",
            "event_type": "call",
            "metrics": {"requests": 1 + number % 9},
        }

    def answered(self, call: Call, status: int, body: Any) -> None:
        """Keep a build whose next state can be reported. The status is 0 when there was no answer."""
        if call.name == "POST /builds" and status in {200, 201}:
            build = (str(body["id"]), 0)
        elif call.name == REPORT and status == 200 and call.build[1] + 1 < len(STATES):
            build = (call.build[0], call.build[1] + 1)
        else:
            return
        with self._lock:
            self._builds = [*self._builds[1 - KEPT_BUILDS :], build]

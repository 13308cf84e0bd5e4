"""The clients' own books: what they were told is kept, to be compared with what the platform has."""

import http.client
import itertools
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from config.loadtest.calls import REPORT, Call, Caller
from config.loadtest.sending import NO_ANSWER, Target, exchange
from tests.faults.load import event

ACCEPTED: Final = 202
DEADLINE_SECONDS: Final = 120.0


@dataclass
class Books(Caller):
    """A tenant's caller that names all it makes, and repeats what was not answered until it is.

    `name` begins the id of each event. `events` and `builds` (id → the codes told, in order) are what was
    answered to be kept; `refused` is what nobody asked for again, since the answer was a plain no.
    """

    name: str = ""
    events: set[str] = field(default_factory=set)
    builds: dict[str, list[int]] = field(default_factory=dict)
    refused: list[tuple[str, int]] = field(default_factory=list)
    _again: deque[Call] = field(default_factory=deque)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def choose(self) -> Call:
        """Every second call repeats one, as long as there are any to repeat."""
        with self._lock:
            if self._again and self._dice.random() < 0.5:
                return self._again.popleft()
        return super().choose()

    def _event(self, number: int) -> dict[str, Any]:
        return event(self.tenant, f"{self.name}-{next(self._numbers)}")

    def answered(self, call: Call, status: int, body: Any) -> None:
        super().answered(call, status, body)
        if call.body is None:
            return
        if status == NO_ANSWER or status >= http.client.INTERNAL_SERVER_ERROR:
            self._again.append(call)
        elif status == ACCEPTED:
            self.events.update(result["event_id"] for result in body.get("results") or [body])
        elif status >= http.client.BAD_REQUEST:
            self.refused.append((call.name, status))
        elif call.name == REPORT:
            self.builds[call.build[0]].append(call.body["state_code"])
        else:
            self.builds.setdefault(str(body["id"]), [])

    def finish(self, target: Target) -> bool:
        """Repeat whatever is left, now that everything runs; False when it is still not answered."""
        connection = target.connect()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._again and time.monotonic() < deadline:
            exchange(target, connection, self, self._again.popleft())
        connection.close()
        return not self._again

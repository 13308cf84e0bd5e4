"""What the simulator remembers, and what can be set: its clock, its jobs and its faults."""

import dataclasses
import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gcore.simulator.wire import Request

USERNAME: Final = "reseller@example.com"
PASSWORD: Final = "simulated-password"  # noqa: S105  (opens nothing but this simulator)
API_TOKEN: Final = "1001_5im0000000000000000000000000000000000000"  # noqa: S105
CUSTOMER_TOKEN: Final = "1002_5im1111111111111111111111111111111111111"  # noqa: S105


MOST_TASKS: Final = 500
MOST_CALLS: Final = 10_000


@dataclass(slots=True)
class Knobs:
    """What can be set under /_control/knobs, by these names.

    Jobs: `job_seconds` and `job_polls` of work each, then `outcome`: Completed, Failed, Cancelled, or any
    other word; `notes` are a failed job's errors; `unready_status` answers a download that comes too early.
    Files: `rows` asks for that many rows; `file` is served as it is; `table` replaces header and rows;
    `oddities` are names of gcore.simulator.files.ODDITIES; `exclusive_end` leaves `date_to` out.
    Machines: `action_seconds` from a stop or start until it is so; with an `action_error` it never is.
    Catalogue: `hidden_products`, `extra_features` (so many more of CDN), `units` by feature id and month
    (`{"92 2026-11": "MB"}`), `envelopes` even without a limit.
    Expenses: `duplicated`, `deleted` (taken back and billed anew at another price).
    """

    job_seconds: float = 0
    job_polls: int = 0
    outcome: str = "Completed"
    notes: list[str] = field(default_factory=list)
    unready_status: int = 400
    rows: int = 0
    file: str | None = None
    table: list[list[Any]] | None = None
    oddities: list[str] = field(default_factory=list)
    exclusive_end: bool = False
    action_seconds: float = 0
    action_error: str = ""
    hidden_products: list[str] = field(default_factory=list)
    extra_features: int = 0
    units: dict[str, str] = field(default_factory=dict)
    envelopes: bool = False
    duplicated: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Fault:
    """For the next `times` calls whose method and path fit: an answer other than the right one.

    `drop` closes the connection without a word; `cut` sends so many bytes of the right body and closes;
    `delay` waits so many seconds before the answer, `drip` between the pieces of its body. Without
    any of these, `status` with `headers` and `body` is the answer.
    """

    path: str = ".*"
    method: str = "[A-Z]+"
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    content_type: str = "application/json"
    times: int = 1
    drop: bool = False
    cut: int | None = None
    delay: float = 0
    drip: float = 0

    def fits(self, request: Request) -> bool:
        return bool(re.fullmatch(self.method, request.method) and re.fullmatch(self.path, request.path))

    @property
    def spares_the_answer(self) -> bool:
        return self.cut is not None or self.delay > 0 or self.drip > 0


@dataclass(slots=True)
class Task:
    id: str
    made_at: float
    template: str
    parameters: dict[str, Any]
    client_id: int
    outcome: str
    notes: list[str]
    polls: int = 0


@dataclass(slots=True)
class Action:
    """What a machine was asked for; `ends_at` when it is done, or has failed."""

    id: str
    machine: str
    what: str
    ends_at: float
    error: str


class State:
    """`store` is a file that keeps the tasks beyond the process."""

    def __init__(self, store: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._store = store
        self.reset()
        if store is not None and store.exists():
            self.tasks.update((item["id"], Task(**item)) for item in json.loads(store.read_text()))

    def reset(self) -> None:
        """As on the first day: no tasks, tokens or faults, and the machine's own clock."""
        with self.lock:
            self.knobs = Knobs()
            self.faults: list[Fault] = []
            self.tasks: dict[str, Task] = {}
            self.actions: list[Action] = []
            self.ended_tokens: set[str] = set()
            self.revoked_before = 0.0
            self.calls: deque[Request] = deque(maxlen=MOST_CALLS)
            self.shift = 0.0

    def keep(self, task: Task) -> None:
        with self.lock:
            self.tasks[task.id] = task
            while len(self.tasks) > MOST_TASKS:
                del self.tasks[next(iter(self.tasks))]
            self._save()

    def drop(self, task: Task) -> None:
        with self.lock:
            self.tasks.pop(task.id, None)
            self._save()

    def _save(self) -> None:
        if self._store is not None:
            self._store.write_text(json.dumps([dataclasses.asdict(task) for task in self.tasks.values()]))

    def now(self) -> float:
        return time.time() + self.shift

    def set_clock(self, moment: datetime) -> None:
        self.shift = moment.timestamp() - time.time()

    def moment(self) -> str:
        return datetime.fromtimestamp(self.now(), UTC).isoformat()

    def revoke(self) -> None:
        """End every token that was given out until now."""
        self.revoked_before = self.now()

    def set_knobs(self, **changes: Any) -> None:
        with self.lock:
            self.knobs = dataclasses.replace(self.knobs, **changes)

    def add_fault(self, **fields: Any) -> None:
        with self.lock:
            self.faults.append(Fault(**fields))

    def take_fault(self, request: Request) -> Fault | None:
        """The first that fits, which has one time less from now on."""
        with self.lock:
            fault = next((one for one in self.faults if one.fits(request)), None)
            if fault is not None:
                fault.times -= 1
                self.faults = [one for one in self.faults if one.times > 0]
            return fault

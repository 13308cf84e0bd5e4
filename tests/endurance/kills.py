"""Processes of the stack killed one after the other, each once all is well again after the one before."""

import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import redis

from config.loadtest.figures import Figures, figures
from config.loadtest.sending import NO_ANSWER, Sample
from deploy.local.stack import Stack
from tests.servers import Server

# One of each kind, in an order in which each meets what the one before left behind.
ORDER: Final = ("web2", "writer1", "worker", "ws", "redis", "postgres", "beat")
STREAM: Final = "skyledger:events"
GROUP: Final = "writers"
LATE_SECONDS: Final = 5.0  # an event that waits for longer waits for somebody who is away
PATIENCE_SECONDS: Final = 2.0


class Kill(NamedTuple):
    """Seconds since the start of the load; `well` is when nothing was amiss any more."""

    name: str
    at: float
    well: float


class Phase(NamedTuple):
    """From a kill to the next one: what callers saw, and until when they saw errors."""

    name: str
    start: float
    end: float
    calls: Figures
    last_error: float

    @property
    def error_percent(self) -> float:
        return round(100 * self.calls.errors / self.calls.sent, 2) if self.calls.sent else 0.0


class Watch:
    """Kills what is due, as `make stack` starts again what has ended."""

    def __init__(self, stack: Stack, names: Sequence[str], seconds: float) -> None:
        servers: dict[str, Server] = {program.name: program for program in stack.programs}
        servers |= {"redis": stack.redis, "postgres": stack.postgres}
        self.stack = stack
        self.kills: list[Kill] = []
        self._left = [servers[name] for name in names]
        self._every = seconds / (len(names) + 1)
        self._due = self._every
        self._hurt: tuple[str, float] | None = None

    def look(self, start: float) -> None:
        """To be called often; `start` is when the load began."""
        self.stack.watch()  # which waits for what it starts
        now = time.monotonic() - start
        if self._hurt is not None and is_well(self.stack):
            now = time.monotonic() - start
            self.kills.append(Kill(*self._hurt, now))
            self.stack.say(f"{self._hurt[0]}: all is well {now - self._hurt[1]:.1f} s after the kill.")
            self._due, self._hurt = max(self._due, now), None
        elif self._hurt is None and self._left and now >= self._due:
            server = self._left.pop(0)
            self._hurt, self._due = (server.name, now), self._due + self._every
            self.stack.say(f"{server.name} is killed.")
            server.kill()

    @property
    def done(self) -> bool:
        return self._hurt is None and not self._left


def is_well(stack: Stack) -> bool:
    """All replicas are ready and have Redis, no event waits long, a worker and both writers wait for work."""
    replicas = [program for program in stack.programs if program.service.replica]
    if not all(program.running for program in stack.programs):
        return False
    if not all(_is_ready(program.port) for program in replicas):
        return False
    try:
        with redis.Redis.from_url(stack.redis.url, socket_timeout=PATIENCE_SECONDS) as client:
            return _nothing_waits(client) and _worker_waits(client) and _writers_wait(client, stack)
    except redis.RedisError:
        return False


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/ready")
        told = json.loads(connection.getresponse().read())
        return bool(told["overall"] and told["redis"])
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _nothing_waits(client: "redis.Redis") -> bool:
    oldest: Any = client.xrange(STREAM, count=1)
    return not oldest or time.time() - int(oldest[0][0].partition(b"-")[0]) / 1000 < LATE_SECONDS


def _worker_waits(client: "redis.Redis") -> bool:
    clients: Any = client.client_list()
    return any(each["cmd"] == "brpop" for each in clients)


def _writers_wait(client: "redis.Redis", stack: Stack) -> bool:
    listed: Any = client.xinfo_consumers(STREAM, GROUP)
    names = b" ".join(each["name"] for each in listed)
    writers = [program for program in stack.programs if program.name.startswith("writer")]
    return all(f"-{writer.pid}-".encode() in names for writer in writers)


def phases(kills: Iterable[Kill], samples: Sequence[Sample], seconds: float) -> Iterator[Phase]:
    """What was seen before the first kill, and from each to the next."""
    starts = [("before", 0.0), *((f"{kill.name} killed", kill.at) for kill in kills)]
    ends = [start for _, start in starts[1:]] + [seconds]
    for (name, start), end in zip(starts, ends, strict=True):
        part = [sample for sample in samples if start <= sample.at + sample.seconds < end]
        failed = [s.at + s.seconds for s in part if s.status == NO_ANSWER or s.status >= 500]
        last = max(failed, default=start) - start
        yield Phase(name, start, end, figures(name, part, max(end - start, 0.001)), last)


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.25)
    return True

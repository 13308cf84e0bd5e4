"""What each process of the stack holds in memory, over time."""

import itertools
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.stack import tree
from tests.servers import Server

LONG_ENOUGH: Final = 15 * 60.0  # seconds of a life of which is said whether it grows
WINDOW: Final = 120.0  # seconds in which each process rests once: what it held then is what it keeps
FLAT_MB_PER_HOUR: Final = 10.0  # or,
FLAT_SHARE_PER_HOUR: Final = 0.05  # where that is more, of what it holds

SHORT: Final = "too short to tell"
FLAT: Final = "flat"
GROWS: Final = "grows"


class Sample(NamedTuple):
    """Of a server and its children at one moment, in kilobytes.

    `own` is their anonymous memory, what parent and child still have in common counted once. Libraries' pages
    are not in it, as they count less with each stranger that maps them, nor is `shared` memory: PostgreSQL's
    buffers, which fill up to the size that they were given.
    """

    at: float
    name: str
    pid: int
    rss: int
    own: int
    shared: int


class Trend(NamedTuple):
    """Of the longest life of one server, in megabytes: what is its own at its start, the least of it in the
    window of its middle and in its last one, the most, and how the leasts grew from the middle on."""

    name: str
    seconds: float
    start: float
    middle: float
    end: float
    most: float
    shared: float
    rss: float
    mb_per_hour: float

    @property
    def verdict(self) -> str:
        if self.seconds < LONG_ENOUGH:
            return SHORT
        allowed = max(FLAT_MB_PER_HOUR, FLAT_SHARE_PER_HOUR * self.end)
        return GROWS if self.mb_per_hour > allowed else FLAT

    def document(self) -> dict[str, Any]:
        told = {key: round(v, 1) if isinstance(v, float) else v for key, v in self._asdict().items()}
        return {**told, "verdict": self.verdict}


def measured(servers: Iterable[Server], since: float) -> list[Sample]:
    """One sample of each that runs."""
    return [_measured(server, time.monotonic() - since) for server in servers if server.running]


def _measured(server: Server, at: float) -> Sample:
    sizes = [_sizes(pid) for pid in tree(server.pid)]
    return Sample(at, server.name, server.pid, *(sum(each) for each in zip(*sizes, strict=True)))


def _sizes(pid: int) -> tuple[int, int, int]:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0, 0
    return sizes(text)


def sizes(rollup: str) -> tuple[int, int, int]:
    """RSS, and the PSS of anonymous and of shared memory, of /proc/PID/smaps_rollup."""
    lines = rollup.splitlines()[1:]
    told = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return told.get("Rss", 0), told.get("Pss_Anon", 0), told.get("Pss_Shmem", 0)


def trends(samples: Iterable[Sample]) -> list[Trend]:
    """Of each server, in the order of their names; a kill begins another life."""
    ordered = sorted(samples, key=lambda sample: (sample.name, sample.pid, sample.at))
    lives = [list(life) for _, life in itertools.groupby(ordered, key=lambda sample: sample[1:3])]
    longest: dict[str, list[Sample]] = {}
    for life in lives:
        longest[life[0].name] = max(longest.get(life[0].name, []), life, key=len)
    return [_trend(life) for life in longest.values()]


def _trend(life: Sequence[Sample]) -> Trend:
    first, last = life[0], life[-1]
    seconds = last.at - first.at
    rests = _rests(life, seconds)
    half = {at: size for at, size in rests.items() if at >= seconds / 2} or {seconds: last.own / 1024}
    slope = statistics.linear_regression([*half], [*half.values()]).slope if len(half) > 1 else 0.0
    return Trend(
        first.name,
        seconds,
        first.own / 1024,
        half[min(half)],
        half[max(half)],
        max(sample.own for sample in life) / 1024,
        last.shared / 1024,
        last.rss / 1024,
        slope * 3600,
    )


def _rests(life: Sequence[Sample], seconds: float) -> dict[float, float]:
    """The least of each whole window, in megabytes, by the window's start."""
    windows = itertools.groupby(life, key=lambda sample: (sample.at - life[0].at) // WINDOW * WINDOW)
    least = {at: min(sample.own for sample in window) / 1024 for at, window in windows}
    return {at: size for at, size in least.items() if at + WINDOW <= seconds}

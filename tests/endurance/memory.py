"""What each process of the stack holds in memory, over time."""

import itertools
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.stack import tree
from tests.servers import Server

# Work takes memory and gives it back: what a process keeps is the least that it held in a while. In this one
# every connection is new once, and everything that is done now and then was done.
WINDOW: Final = 600.0  # seconds
LONG_ENOUGH: Final = 4 * WINDOW  # of a life of which is said whether it grows
FLAT_MB_PER_HOUR: Final = 10.0  # or,
FLAT_SHARE_PER_HOUR: Final = 0.05  # where that is more, of what it holds
PASSING_SECONDS: Final = 120.0
PASSING_SHARE: Final = 0.1  # by which the largest of many short lives may differ

SHORT: Final = "too short to tell"
FLAT: Final = "flat"
GROWS: Final = "grows"


class Sample(NamedTuple):
    """Of one process at one moment, in kilobytes; `life` is the server's own process, whose child it may be.

    `own` is its anonymous memory, of what parent and child still have in common its share. Libraries' pages
    are not in it, as they count less with each stranger that maps them, nor is `shared` memory: PostgreSQL's
    buffers, which fill up to the size that they were given.
    """

    at: float
    name: str
    life: int
    pid: int
    rss: int
    own: int
    shared: int


class Passing(NamedTuple):
    """Processes that come and go, as PostgreSQL's do, one for each connection.

    How many there were at once, for how long the oldest lived, and what the largest held in megabytes, in the
    first half and in the second: of each the least in `PASSING_SECONDS`.
    """

    number: int
    seconds: float
    before: float
    after: float


class Trend(NamedTuple):
    """Of the longest life of one server, in megabytes.

    Of its processes that lived through the second half of it, together: what is their own at the start, the
    least of it in the first and in the last window of that half, the most, and how the leasts grew; and those
    that did not.
    """

    name: str
    seconds: float
    start: float
    middle: float
    end: float
    most: float
    shared: float
    rss: float
    mb_per_hour: float
    passing: Passing | None

    @property
    def verdict(self) -> str:
        if self.seconds < LONG_ENOUGH:
            return SHORT
        allowed = max(FLAT_MB_PER_HOUR, FLAT_SHARE_PER_HOUR * self.end)
        swells = self.passing and self.passing.after > self.passing.before * (1 + PASSING_SHARE)
        return GROWS if swells or self.mb_per_hour > allowed else FLAT

    def document(self) -> dict[str, Any]:
        told = {**self._asdict(), "passing": self.passing and _rounded(self.passing._asdict())}
        return {**_rounded(told), "verdict": self.verdict}


def _rounded(document: dict[str, Any]) -> dict[str, Any]:
    return {key: round(v, 1) if isinstance(v, float) else v for key, v in document.items()}


def measured(servers: Iterable[Server], since: float) -> list[Sample]:
    """One sample of each process of those that run."""
    running = [server for server in servers if server.running]
    at = time.monotonic() - since
    return [
        Sample(at, server.name, server.pid, pid, *_sizes(pid))
        for server in running
        for pid in tree(server.pid)
    ]


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
    ordered = sorted(samples, key=lambda sample: (sample.name, sample.life, sample.at))
    lives = [list(life) for _, life in itertools.groupby(ordered, key=lambda sample: sample[1:3])]
    longest: dict[str, list[Sample]] = {}
    for life in lives:
        longest[life[0].name] = max(longest.get(life[0].name, []), life, key=_seconds)
    return [_trend(life) for life in longest.values()]


def _seconds(life: Sequence[Sample]) -> float:
    return life[-1].at - life[0].at if life else -1.0


def _trend(life: Sequence[Sample]) -> Trend:
    began, seconds = life[0].at, _seconds(life)
    looks = {at: list(look) for at, look in itertools.groupby(life, key=lambda sample: sample.at)}
    middle = next(at for at in looks if at - began >= seconds / 2)
    lasting = {sample.pid for sample in looks[middle]} & {sample.pid for sample in looks[life[-1].at]}
    own = {at: sum(each.own for each in look if each.pid in lasting) / 1024 for at, look in looks.items()}
    rests = _leasts(own, began, WINDOW)
    half = {at: size for at, size in rests.items() if at >= middle} or {began: own[life[-1].at]}
    slope = statistics.linear_regression([*half], [*half.values()]).slope if len(half) > 1 else 0.0
    last = looks[life[-1].at]
    return Trend(
        life[0].name,
        seconds,
        own[began],
        half[min(half)],
        half[max(half)],
        max(own.values()),
        sum(sample.shared for sample in last) / 1024,
        sum(sample.rss for sample in last) / 1024,
        slope * 3600,
        _passing([sample for sample in life if sample.pid not in lasting], middle),
    )


def _leasts(sizes: Mapping[float, float], began: float, window: float) -> dict[float, float]:
    """The least of each whole window, by its start."""
    ended = max(sizes)
    windows = itertools.groupby(sizes, key=lambda at: began + (at - began) // window * window)
    least = {start: min(sizes[at] for at in moments) for start, moments in windows}
    return {start: size for start, size in least.items() if start + window <= ended}


def _passing(samples: Sequence[Sample], middle: float) -> Passing | None:
    if not samples:
        return None
    lives: dict[int, dict[float, float]] = defaultdict(dict)
    for sample in samples:
        lives[sample.pid][sample.at] = sample.own / 1024
    leasts = [item for life in lives.values() for item in _leasts(life, min(life), PASSING_SECONDS).items()]
    return Passing(
        max(Counter(sample.at for sample in samples).values()),
        max(max(life) - min(life) for life in lives.values()),
        max((size for at, size in leasts if at < middle), default=0.0),
        max((size for at, size in leasts if at >= middle), default=0.0),
    )

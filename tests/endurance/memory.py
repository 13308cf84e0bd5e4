"""What each process of the stack holds in memory, over time."""

import itertools
import math
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
GRACE: Final = 60.0  # by which a run may end before the last is over
FLAT_MB_PER_HOUR: Final = 10.0  # or,
FLAT_SHARE_PER_HOUR: Final = 0.05  # where that is more, of what it holds
FLAT_EACH_MB: Final = 1.0  # or,
FLAT_EACH_SHARE: Final = 0.1  # where that is more, of what each held in the first half
PILED_PER_HOUR: Final = 10.0  # of them at once

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

    Those that did not live through the second half of the server's life: for how long the oldest lived, how
    many there were at once on average in the first half and in the second and how much each held, in
    megabytes, and how the least number at once in each window of the second half grew. It follows the load.
    """

    seconds: float
    number_before: float
    number_after: float
    each_before: float
    each_after: float
    number_per_hour: float

    @property
    def swell(self) -> bool:
        more = self.each_after - self.each_before
        return self.number_before > 0 and more > max(FLAT_EACH_MB, FLAT_EACH_SHARE * self.each_before)

    @property
    def pile_up(self) -> bool:
        return self.number_per_hour > PILED_PER_HOUR


class Trend(NamedTuple):
    """Of the longest life of one server, in megabytes.

    Of its processes that lived through the second half of it, together: what is their own at the start, the
    least of it in the first and in the last window of that half, the most, and how the leasts grew. `shared`
    and `rss` are of all in the end.
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
    def rises(self) -> bool:
        return self.mb_per_hour > max(FLAT_MB_PER_HOUR, FLAT_SHARE_PER_HOUR * self.end)

    @property
    def verdict(self) -> str:
        if _windows(self.seconds / 2) < 2:
            return SHORT
        passing = self.passing is not None and (self.passing.swell or self.passing.pile_up)
        return GROWS if self.rises or passing else FLAT

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
    lives.sort(key=lambda life: (life[0].name, life[-1].at - life[0].at))
    return [_trend(life) for life in {life[0].name: life for life in lives}.values()]


def _trend(life: Sequence[Sample]) -> Trend:
    began, ended = life[0].at, life[-1].at
    middle = (began + ended) / 2
    last = [sample for sample in life if sample.at == ended]
    first = min(sample.at for sample in life if sample.at >= middle)
    lasting = {sample.pid for sample in last} & {sample.pid for sample in life if sample.at == first}
    own = _together(sample for sample in life if sample.pid in lasting)
    rests = _rests(own, middle, ended)
    return Trend(
        life[0].name,
        ended - began,
        own.get(began, 0.0),
        rests[min(rests)],
        rests[max(rests)],
        max(own.values()),
        sum(sample.shared for sample in last) / 1024,
        sum(sample.rss for sample in last) / 1024,
        _per_hour(rests),
        _passing([sample for sample in life if sample.pid not in lasting], own, middle, ended),
    )


def _together(samples: Iterable[Sample]) -> dict[float, float]:
    """What is their own at each moment, in megabytes."""
    sums: dict[float, float] = defaultdict(float)
    for sample in samples:
        sums[sample.at] += sample.own / 1024
    return sums


def _windows(seconds: float) -> int:
    return int((seconds + GRACE) / WINDOW)


def _rests(sizes: Mapping[float, float], middle: float, ended: float) -> dict[float, float]:
    """The least in each of as many parts of the second half as there are windows, by the part's start."""
    length = (ended - middle) / max(1, _windows(ended - middle)) or 1.0
    least: dict[float, float] = {}
    for at, size in sizes.items():
        if at >= middle:
            part = middle + min(at - middle, ended - middle - length / 2) // length * length
            least[part] = min(least.get(part, math.inf), size)
    return least


def _per_hour(rests: Mapping[float, float]) -> float:
    """The slope of a line through what is told of each window."""
    return statistics.linear_regression([*rests], [*rests.values()]).slope * 3600 if len(rests) > 1 else 0.0


def _passing(seen: Sequence[Sample], looks: Iterable[float], middle: float, ended: float) -> Passing | None:
    """Of what was seen of them, at any of the `looks`."""
    if not seen:
        return None
    lives: dict[int, list[float]] = defaultdict(list)
    for sample in seen:
        lives[sample.pid].append(sample.at)
    at_once = dict.fromkeys(looks, 0.0) | Counter(sample.at for sample in seen)
    halves = ([s.own for s in seen if s.at < middle], [s.own for s in seen if s.at >= middle])
    times = (sum(at < middle for at in at_once), sum(at >= middle for at in at_once))
    before, after = (len(half) / number for half, number in zip(halves, times, strict=True))
    each_before, each_after = (statistics.fmean(half) / 1024 if half else 0.0 for half in halves)
    oldest = max(moments[-1] - moments[0] for moments in lives.values())
    return Passing(oldest, before, after, each_before, each_after, _per_hour(_rests(at_once, middle, ended)))

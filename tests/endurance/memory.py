"""What each process of the stack holds in memory, over time."""

import itertools
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.stack import tree
from tests.servers import Server

WARM_UP: Final = 0.25  # of the life of a process
FEWEST: Final = 8  # samples that a slope is told from


class Sample(NamedTuple):
    """Of a server and its children at one moment, in kilobytes. PSS divides what several share among them."""

    at: float
    name: str
    pid: int
    rss: int
    pss: int


class Trend(NamedTuple):
    """Of the longest life of one server, in megabytes (PSS); the slope is that after the warm-up."""

    name: str
    seconds: float
    start: float
    warm: float
    end: float
    most: float
    end_rss: float
    mb_per_hour: float | None

    def document(self) -> dict[str, Any]:
        return {key: round(v, 1) if isinstance(v, float) else v for key, v in self._asdict().items()}


def measured(servers: Iterable[Server], since: float) -> list[Sample]:
    """One sample of each that runs."""
    return [_measured(server, time.monotonic() - since) for server in servers if server.running]


def _measured(server: Server, at: float) -> Sample:
    sizes = [_sizes(pid) for pid in tree(server.pid)]
    return Sample(at, server.name, server.pid, sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes))


def _sizes(pid: int) -> tuple[int, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    told = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return told.get("Rss", 0), told.get("Pss", 0)


def trends(samples: Iterable[Sample]) -> list[Trend]:
    """Of each server, in the order of their names; a kill begins another life."""
    ordered = sorted(samples, key=lambda sample: (sample.name, sample.pid, sample.at))
    lives = [list(life) for _, life in itertools.groupby(ordered, key=lambda sample: sample[1:3])]
    longest: dict[str, list[Sample]] = {}
    for life in lives:
        longest[life[0].name] = max(longest.get(life[0].name, []), life, key=len)
    return [_trend(life) for life in longest.values()]


def _trend(life: Sequence[Sample]) -> Trend:
    warm = life[int(len(life) * WARM_UP) :]
    pss = [sample.pss / 1024 for sample in life]
    first, last = life[0], life[-1]
    slope = None
    if len(warm) >= FEWEST:
        fit = statistics.linear_regression([s.at for s in warm], [s.pss / 1024 for s in warm])
        slope = fit.slope * 3600
    return Trend(
        first.name, last.at - first.at, pss[0], warm[0].pss / 1024, pss[-1], max(pss), last.rss / 1024, slope
    )

"""What samples say: rates, percentiles and errors, as a whole, by call and by second."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from config.loadtest.sending import LIMITED, NO_ANSWER, Sample

PERCENTILES: Final = (50, 95, 99)


class Figures(NamedTuple):
    """Milliseconds, and calls a second. `errors`: no answer, 5xx, and 4xx but for 429, which is `limited`."""

    name: str
    sent: int
    rate: float
    p50: float
    p95: float
    p99: float
    longest: float
    errors: int
    limited: int
    statuses: dict[str, int]


def percentile(ordered: Sequence[float], percent: int) -> float:
    """By nearest rank, of what is in order; 0 of nothing."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def figures(name: str, samples: Iterable[Sample], seconds: float) -> Figures:
    """Only what was answered has a time: the others are errors, or were refused at the door."""
    samples = list(samples)
    statuses = Counter(sample.status for sample in samples)
    times = sorted(s.seconds * 1000 for s in samples if s.status not in {NO_ANSWER, LIMITED})
    p50, p95, p99 = (round(percentile(times, percent), 1) for percent in PERCENTILES)
    errors = sum(sample.failed for sample in samples)
    told = {str(status) if status else "no answer": n for status, n in sorted(statuses.items())}
    rate, longest = round(len(samples) / seconds, 1), round(times[-1], 1) if times else 0.0
    limited = statuses[LIMITED]
    return Figures(name, len(samples), rate, p50, p95, p99, longest, errors, limited, told)


def by_call(samples: Iterable[Sample], seconds: float) -> list[Figures]:
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[sample.name].append(sample)
    return [figures(name, found[name], seconds) for name in sorted(found)]


def by_second(samples: Iterable[Sample], seconds: float) -> list[Figures]:
    """One for each whole second, also for those in which nothing was sent."""
    found: list[list[Sample]] = [[] for _ in range(max(1, math.ceil(seconds)))]
    for sample in samples:
        found[min(int(sample.at), len(found) - 1)].append(sample)
    return [figures(str(number), part, 1) for number, part in enumerate(found)]


class Failure(NamedTuple):
    """Calls that failed alike; `first` is when it was seen first, in seconds."""

    name: str
    status: int
    why: str
    calls: int
    first: float


def failures(samples: Iterable[Sample]) -> list[Failure]:
    """Those of one name, status and reason together, the most first."""
    found: defaultdict[tuple[str, int, str], list[float]] = defaultdict(list)
    for sample in samples:
        if sample.failed:
            found[sample.name, sample.status, sample.why].append(round(sample.at + sample.seconds, 1))
    alike = [Failure(*kind, len(seen), min(seen)) for kind, seen in found.items()]
    return sorted(alike, key=lambda failure: (-failure.calls, failure.first))


class Fairness(NamedTuple):
    """The p99 of a tenant alone, and beside one that sends ten times what it may."""

    alone: Figures
    beside: Figures
    greedy_rate: float

    @property
    def moved_percent(self) -> float:
        return round((self.beside.p99 / self.alone.p99 - 1) * 100, 1) if self.alone.p99 else 0.0

    def document(self) -> dict[str, Any]:
        return {
            "p99_alone_ms": self.alone.p99,
            "p99_beside_ms": self.beside.p99,
            "moved_percent": self.moved_percent,
            "greedy_rate": self.greedy_rate,
            "samples": [self.alone.sent, self.beside.sent],
        }

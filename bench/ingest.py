"""How fast events come in: `make bench` or `python -m bench.ingest --seconds 4 --rounds 3`.

Starts PostgreSQL (fsync on), Redis (AOF each second), Skyledger and a plain FastAPI gateway of its own,
one after another, and prints the rates and ratios of one run. Everything shares this machine's
processors, the load included, so ratios carry over to other machines and rates do not.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.endtoend import OURS, REFERENCE, EndToEnd, copy_rate, end_to_end
from bench.load import BATCH, wrk
from bench.stack import Process, Stack, django, fastapi, lane, loop, running
from tests.servers.process import free_port

PATIENCE: Final = (1, 5, 25)  # times as long, where nothing was answered
Start = Callable[[Stack, int], Process]


@dataclass(frozen=True, slots=True)
class Rate:
    """Events per second, and microseconds of the server's processor time per event."""

    events: float
    cpu_us: float
    p99_ms: float


def accept_rate(stack: Stack, start: Start, *, batch: bool, seconds: int) -> Rate:
    port = free_port()
    size, connections = (BATCH, 8) if batch else (1, 32)
    process = start(stack, port)
    with running(process):
        wrk(port, batch=batch, seconds=1, connections=connections)
        for patience in PATIENCE:
            before = process.cpu_seconds()
            load = wrk(port, batch=batch, seconds=seconds * patience, connections=connections)
            used = process.cpu_seconds() - before
            if load.requests:
                break
    stack.empty_redis()
    name = f"{start.__name__}, {size} events a request"
    if not load.requests:
        raise SystemExit(
            f"{name}: none was answered in {seconds * patience} s. Is the machine at other work?"
        )
    if load.failed:
        raise SystemExit(f"{name}: {load.failed} of {load.requests} failed.")
    return Rate(load.rate * size, used * 1e6 / (load.requests * size), load.p99_ms)


def median(rates: list[Rate]) -> Rate:
    return sorted(rates, key=lambda rate: rate.events)[len(rates) // 2]


def accept_rates(stack: Stack, *, seconds: int, rounds: int) -> dict[str, Rate]:
    """The contestants take turns, so that a slow moment of the machine meets all of them."""
    found: dict[str, list[Rate]] = {}
    for _ in range(rounds):
        for start in (fastapi, django, lane, loop):
            for batch in (False, True):
                name = f"{start.__name__} {'batch' if batch else 'single'}"
                rate = accept_rate(stack, start, batch=batch, seconds=seconds)
                found.setdefault(name, []).append(rate)
    return {name: median(rates) for name, rates in found.items()}


def best(runs: list[EndToEnd]) -> EndToEnd:
    middle = statistics.median_low(run.rate for run in runs)
    return next(run for run in runs if run.rate == middle)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=4, help="length of each load")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the median counts")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    stack = Stack()
    stack.start()
    try:
        accepted = accept_rates(stack, seconds=options.seconds, rounds=options.rounds)
        ours = best([end_to_end(stack, OURS, events=400_000) for _ in range(options.rounds)])
        theirs = best([end_to_end(stack, REFERENCE, events=100_000) for _ in range(options.rounds)])
        copied = copy_rate(stack)
    finally:
        stack.stop()
    report = summary(accepted, ours, theirs, copied)
    print(json.dumps(report, indent=2) if options.json else table(report))


def summary(
    accepted: dict[str, Rate], ours: EndToEnd, theirs: EndToEnd, copied: float
) -> dict[str, dict[str, float]]:
    reference = {kind: accepted[f"fastapi {kind}"].events for kind in ("single", "batch")}
    report = {
        name: {
            "events_per_second": round(rate.events),
            "cpu_us_per_event": round(rate.cpu_us, 1),
            "p99_ms": round(rate.p99_ms, 1),
            "ratio_to_fastapi": round(rate.events / reference[name.split()[1]], 2),
        }
        for name, rate in accepted.items()
    }
    for name, run in (("end to end, two writers", ours), ("end to end, FastAPI + classic consumer", theirs)):
        report[name] = {
            "events_per_second": round(run.rate),
            "lag_p50_ms": round(run.lag_p50_ms),
            "lag_p99_ms": round(run.lag_p99_ms),
            "ratio_to_fastapi": round(run.rate / theirs.rate, 2),
            "ratio_to_copy": round(run.rate / copied, 2),
            "summed_up_per_second": round(run.summed_rate),
            "ratio_summed_up": round(run.summed_rate / theirs.summed_rate, 2),
        }
    report["COPY into the same table, one process"] = {"events_per_second": round(copied)}
    return report


def table(report: dict[str, dict[str, float]]) -> str:
    lines = []
    for name, figures in report.items():
        told = "  ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in figures.items())
        lines.append(f"{name:40} {told}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""How far a tenant far beyond its limit moves another's p99: `python -m bench.fairness [rounds]`.

Three kinds of stretches take turns, so that a machine that is slower now and then is so for all of them: the
quiet tenant alone, beside a neighbour at their limit, and beside one at ten times their limit. What the calls
that are let in take is the limit's doing; what the refused ones take on top is ours.
"""

import multiprocessing
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from bench.stack import KEY, TENANT, Process, Stack, lane, running
from config.loadtest.calls import Caller
from config.loadtest.figures import Figures, figures
from config.loadtest.sending import LIMITED, Sample, Target, measure
from tests.servers.process import free_port

NEIGHBOUR: Final = ("greedy", "bench-key-greedy")
LIMIT: Final = 1000  # calls a minute, as a key has without a limit of its own
TIMES: Final = {"alone": 0, "at the limit": 1, "at ten times the limit": 10}
RATE: Final = 8.0
SECONDS: Final = 12.0
SETTLING_SECONDS: Final = 1.0
ROUNDS: Final = 5
ADD: Final = """
from accounts.keyring import hash_key, prefix_of
from accounts.models import ApiKey, Tenant
tenant = Tenant.objects.create(slug="{0}", name="Greedy")
ApiKey.objects.create(tenant=tenant, name="bench", prefix=prefix_of("{1}"), key_hash=hash_key("{1}"),
                      scopes=["build", "ingest", "read"])
"""


class Stretch(NamedTuple):
    """What the quiet tenant saw, what the neighbour did, and the processor's seconds of the web process."""

    quiet: list[Sample]
    neighbour: list[Sample]
    processor: float


def neighbour(url: str, rate: float, seconds: float, found: Any) -> None:
    """In a process of its own, as its clients would be."""
    tenant, key = NEIGHBOUR
    found.put(measure(Target(url, key), Caller(tenant, {}, 2), seconds=seconds, connections=16, rate=rate))


@contextmanager
def beside(url: str, rate: float, samples: list[Sample]) -> Iterator[None]:
    if not rate:
        yield
        return
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    seconds = SECONDS + 2 * SETTLING_SECONDS
    process = context.Process(target=neighbour, args=(url, rate, seconds, found))
    process.start()
    time.sleep(SETTLING_SECONDS)
    yield
    samples += found.get()
    process.join()


def stretch(url: str, web: Process, times: int, seed: int) -> Stretch:
    noise: list[Sample] = []
    if times > 1:
        use_up(url)
    before = web.cpu_seconds()
    with beside(url, times * LIMIT / 60, noise):
        caller = Caller(TENANT, {}, seed)
        quiet = measure(Target(url, KEY), caller, seconds=SECONDS, connections=8, rate=RATE)
    return Stretch(quiet, noise, web.cpu_seconds() - before)


def use_up(url: str) -> None:
    """What the neighbour may do in a minute is let in at once; only then are they beyond their limit."""
    found: list[Sample] = []
    while not found or all(sample.status != LIMITED for sample in found[-50:]):
        target, caller = Target(url, NEIGHBOUR[1]), Caller(NEIGHBOUR[0], {}, 1)
        found += measure(target, caller, seconds=2, connections=8)


def told(kind: str, stretches: list[Stretch]) -> Figures:
    seconds = SECONDS * len(stretches)
    quiet = figures(kind, (s for each in stretches for s in each.quiet), seconds)
    noise = figures(kind, (s for each in stretches for s in each.neighbour), seconds)
    share = sum(each.processor for each in stretches) / seconds
    print(
        f"{kind:<23} p50 {quiet.p50:>7} ms  p99 {quiet.p99:>7} ms   {quiet.sent} calls, {quiet.errors} failed"
        f"; neighbour: {noise.sent - noise.limited} let in, {noise.limited} refused;"
        f" web process: {100 * share:.0f} % of a processor"
    )
    return quiet


def refused_cost(found: dict[str, list[Stretch]]) -> float:
    """Milliseconds of the web process's time that a refused call takes."""
    alone, limited, beyond = (sum(s.processor for s in stretches) for stretches in found.values())
    noise = {
        kind: [s.status for each in stretches for s in each.neighbour] for kind, stretches in found.items()
    }
    refused = {kind: statuses.count(LIMITED) for kind, statuses in noise.items()}
    let_in = {kind: len(statuses) - refused[kind] for kind, statuses in noise.items()}
    most, some = list(TIMES)[:0:-1]
    each = (limited - alone) / max(1, let_in[some])
    return 1000 * (beyond - alone - each * let_in[most]) / max(1, refused[most])


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    stack = Stack()
    try:
        stack.start()
        stack.env |= {"RATE_LIMIT_API_KEY": str(LIMIT), "LOG_LEVEL": "ERROR"}
        stack.manage("shell", "-v0", "-c", ADD.format(*NEIGHBOUR))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        web = lane(stack, port)
        found: dict[str, list[Stretch]] = defaultdict(list)
        with running(web):
            for number in range(rounds):
                for kind, times in TIMES.items():
                    found[kind].append(stretch(url, web, times, number))
        alone, limited, beyond = (told(kind, stretches) for kind, stretches in found.items())
        for kind, base in (("alone", alone), ("beside one at the limit", limited)):
            print(f"p99 against {kind}: {100 * (beyond.p99 / base.p99 - 1):+.0f} %")
        print(f"a refused call takes {refused_cost(found):.2f} ms of the web process")
    finally:
        stack.stop()


if __name__ == "__main__":
    main()

"""How far a tenant at ten times their limit moves another's p99: `python -m bench.fairness [rounds]`.

Stretches take turns, in another order each round, so that a machine that is slower now and then is so for
all of them: the quiet tenant alone, alone once more, beside a neighbour at their limit, and beside one at ten
times theirs. What the calls that are let in take is the limit's doing; what the refused ones take on top is
ours. The p99 of a stretch is held against that alone in the same round, and the median of the rounds counts;
that of one alone against the other says how much of it is noise. The limit is the default one, 1000 a minute,
counted in windows of six seconds: so what is let in comes evenly, and soon. Four rounds take ten minutes.
"""

import multiprocessing
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, Final, NamedTuple

from bench.stack import KEY, TENANT, Process, Stack, lane, running
from config.loadtest.calls import Caller
from config.loadtest.figures import Figures, figures
from config.loadtest.sending import LIMITED, Sample, Target, measure
from tests.servers.process import free_port

NEIGHBOUR: Final = ("greedy", "bench-key-greedy")
WINDOW_SECONDS: Final = 6
LIMIT: Final = 100  # calls in a window
ALONE: Final = "alone"
AGAIN: Final = "alone once more"
LIMITED_ONE: Final = "beside one at the limit"
BEYOND: Final = "beside one at ten times"
KINDS: Final = {ALONE: 0, AGAIN: 0, LIMITED_ONE: 1, BEYOND: 10}
RATE: Final = 15.0  # calls a second of the quiet tenant
SECONDS: Final = 30.0
SETTLING_SECONDS: Final = 2.0 * WINDOW_SECONDS
ROUNDS: Final = 4
TOLERANCE: Final = 0.20
ADD: Final = """
from accounts.keyring import hash_key, prefix_of
from accounts.models import ApiKey, Tenant
tenant = Tenant.objects.create(slug="{0}", name="Greedy")
ApiKey.objects.create(tenant=tenant, name="bench", prefix=prefix_of("{1}"), key_hash=hash_key("{1}"),
                      scopes=["build", "ingest", "read"])
ApiKey.objects.filter(tenant__slug="{2}").update(rate_limit=1000)  # so that no call of theirs is refused
"""


class Stretch(NamedTuple):
    """What the quiet tenant saw, what the neighbour did, and the processor's seconds of the web process."""

    quiet: Figures
    neighbour: list[Sample]
    processor: float


def neighbour(url: str, rate: float, settled: Any, ended: Any, found: Any) -> None:
    """In a process of its own, as its clients would be; `settled` once what is let in comes evenly."""
    tenant, key = NEIGHBOUR
    target, caller = Target(url, key), Caller(tenant, {}, 2)
    measure(target, caller, seconds=SETTLING_SECONDS, connections=16, rate=rate)
    settled.set()
    longest = 3 * SECONDS
    found.put(measure(target, caller, seconds=longest, connections=16, rate=rate, ended=ended.is_set))


@contextmanager
def beside(url: str, rate: float, samples: list[Sample]) -> Iterator[None]:
    if not rate:
        yield
        return
    context = multiprocessing.get_context("spawn")
    settled, ended, found = context.Event(), context.Event(), context.Queue()
    process = context.Process(target=neighbour, args=(url, rate, settled, ended, found))
    process.start()
    try:
        settled.wait()
        yield
    finally:
        ended.set()
        samples += (sample for sample in found.get() if sample.at < SECONDS)
        process.join()


def stretch(url: str, web: Process, kind: str, seed: int) -> Stretch:
    noise: list[Sample] = []
    with beside(url, KINDS[kind] * LIMIT / WINDOW_SECONDS, noise):
        before = web.cpu_seconds()
        caller = Caller(TENANT, {}, seed)
        quiet = measure(Target(url, KEY), caller, seconds=SECONDS, connections=8, rate=RATE)
        processor = web.cpu_seconds() - before
    return Stretch(figures(kind, quiet, SECONDS), noise, processor)


def told(kind: str, stretches: Sequence[Stretch]) -> str:
    seconds = SECONDS * len(stretches)
    quiet = [each.quiet for each in stretches]
    refused = sum(s.status == LIMITED for each in stretches for s in each.neighbour)
    let_in = sum(len(each.neighbour) for each in stretches) - refused
    share = sum(each.processor for each in stretches) / seconds
    failed = sum(each.errors + each.limited for each in quiet)
    each_p99, sent = sorted(each.p99 for each in quiet), sum(each.sent for each in quiet)
    return (
        f"{kind:<24} p50 {median(each.p50 for each in quiet):>6.1f} ms  p99 {median(each_p99):>6.1f} ms"
        f" of {each_p99}; {sent} calls, {failed} failed;"
        f" neighbour: {let_in / seconds:.1f} a second let in, {refused / seconds:.1f} refused;"
        f" web process: {share:.0%} of a processor"
    )


def ratios(found: dict[str, list[Stretch]], kind: str, base: str) -> list[float]:
    """Of the p99s of each round, in order."""
    pairs = zip(found[kind], found[base], strict=True)
    return sorted(one.quiet.p99 / other.quiet.p99 for one, other in pairs)


def moved(found: dict[str, list[Stretch]], kind: str, base: str) -> str:
    seen = ratios(found, kind, base)
    return f"{median(seen) - 1:+.0%} (from {seen[0] - 1:+.0%} to {seen[-1] - 1:+.0%} in a round)"


def refused_milliseconds(found: dict[str, list[Stretch]]) -> float:
    """Of the web process's time for a refused call: what is left when those let in are taken off."""
    alone, limited, beyond = (
        sum(each.processor for each in found[kind]) for kind in (ALONE, LIMITED_ONE, BEYOND)
    )
    some, most = (
        [sample.status for each in found[kind] for sample in each.neighbour] for kind in (LIMITED_ONE, BEYOND)
    )
    refused = most.count(LIMITED)
    each_let_in = (limited - alone) / max(1, len(some) - some.count(LIMITED))
    return 1000 * (beyond - alone - each_let_in * (len(most) - refused)) / max(1, refused)


def measured(stack: Stack, rounds: int) -> dict[str, list[Stretch]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    web = lane(stack, port)
    found: dict[str, list[Stretch]] = defaultdict(list)
    kinds = list(KINDS)
    with running(web):
        stretch(url, web, ALONE, 0)  # the first of each kind of call takes longer
        for number in range(rounds):
            turn = number % len(kinds)
            for kind in kinds[turn:] + kinds[:turn]:
                found[kind].append(stretch(url, web, kind, number))
    return found


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    stack = Stack()
    try:
        stack.start()
        stack.env |= {
            "RATE_LIMIT_API_KEY": str(LIMIT),
            "RATE_LIMIT_WINDOW": str(WINDOW_SECONDS),
            "LOG_LEVEL": "ERROR",
        }
        stack.manage("shell", "-v0", "-c", ADD.format(*NEIGHBOUR, TENANT))
        found = measured(stack, rounds)
    finally:
        stack.stop()
    for kind in KINDS:
        print(told(kind, found[kind]))
    print(f"the p99 alone against alone, the noise: {moved(found, AGAIN, ALONE)}")
    for base in (ALONE, LIMITED_ONE):
        print(f"the p99 beside one at ten times against that {base}: {moved(found, BEYOND, base)}")
    print(f"a refused call takes {refused_milliseconds(found):.2f} ms of the web process")
    sys.exit(median(ratios(found, BEYOND, ALONE)) > 1 + TOLERANCE)


if __name__ == "__main__":
    main()

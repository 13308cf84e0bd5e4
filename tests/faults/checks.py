"""The promise: 202 means stored exactly once, as sent, whatever process was killed in between."""

from collections import Counter
from decimal import Decimal

from tests.faults.load import Load, amount_of

Stored = list[tuple[str, str, Decimal]]


def describe(load: Load, stored: Stored) -> str:
    answers = ", ".join(f"{name} {count}" for name, count in sorted(load.answers.items()))
    acked = load.acked
    unasked = len({row[:2] for row in stored} - acked)
    return (
        f"seed {load.name}: {len(acked)} acked, {len(stored)} stored ({unasked} of them unacked) in"
        f" {load.seconds:.1f} s; slowest answer {load.slowest:.2f} s; {answers}"
    )


def assert_kept(load: Load, stored: Stored) -> None:
    """Every acked event is stored, none is stored twice, and the sums of each tenant are those sent.

    What was stored though its sender was told nothing is allowed: they may send it again.
    """
    acked = load.acked
    times = Counter((tenant, event_id) for tenant, event_id, _ in stored)
    lost = acked - times.keys()
    twice = [key for key, count in times.items() if count > 1]
    text = describe(load, stored)
    assert acked, f"nothing was acked: {text}"
    assert not lost, f"{len(lost)} acked events are lost, such as {min(lost)}; {text}"
    assert not twice, f"{len(twice)} events are stored twice, such as {min(twice)}; {text}"
    assert _sums(acked, stored) == _sums_sent(acked), text


def _sums(acked: set[tuple[str, str]], stored: Stored) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for tenant, event_id, amount in stored:
        if (tenant, event_id) in acked:
            sums[tenant] = sums.get(tenant, Decimal(0)) + amount
    return sums


def _sums_sent(acked: set[tuple[str, str]]) -> dict[str, Decimal]:
    return _sums(acked, [(tenant, event_id, amount_of(event_id)) for tenant, event_id in acked])

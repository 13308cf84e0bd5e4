"""What lies between the lines that were billed and the lines as they are known now. Pure."""

import dataclasses
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from accounts.exact import EXACT, canonical, exact_sum
from usage.billing import Line
from usage.pricing import ZERO

Key = tuple[str, ...]


def differences(billed: Iterable[Line], known: Iterable[Line]) -> list[Line]:
    """Signed lines: the billed ones and these together are the known ones, to the last digit.

    `explanation` holds `was` and `is`: quantity and amount before and after, and how the latter came about.
    """
    old, new = _sums(billed), {_key(line): line for line in known}
    found = []
    for key in sorted(old.keys() | new.keys()):
        was = old.get(key)
        line = _between(was, new.get(key) or _nothing(was))
        if line.quantity or line.unrounded or line.amount or line.billed_by_sender:
            found.append(line)
    return found


def _key(line: Line) -> Key:
    return line.service_type, line.service_provider, line.model, line.unit, line.rule_id, line.currency


def _sums(lines: Iterable[Line]) -> dict[Key, Line]:
    """The lines of a statement and of its adjustments, one of each kind."""
    sums: dict[Key, Line] = {}
    for line in lines:
        one = sums.get(_key(line))
        sums[_key(line)] = line if one is None else _added(one, line, 1)
    return sums


def _nothing(line: Line | None) -> Line:
    assert line is not None  # noqa: S101  (every key comes from one side or the other)
    return dataclasses.replace(
        line, quantity=ZERO, unrounded=ZERO, amount=ZERO, explanation={}, billed_by_sender={}
    )


def _between(was: Line | None, now: Line) -> Line:
    was = was or _nothing(now)
    told = {"was": _told(was), "is": {**_told(now), **now.explanation}}
    return dataclasses.replace(_added(now, was, -1), explanation=told)


def _told(line: Line) -> dict[str, Any]:
    return {"quantity": canonical(line.quantity), "amount": canonical(line.amount)}


def _added(one: Line, other: Line, sign: int) -> Line:
    def add(a: Decimal, b: Decimal) -> Decimal:
        return exact_sum((a, EXACT.multiply(b, Decimal(sign))))

    costs = {}
    for currency in sorted(one.billed_by_sender.keys() | other.billed_by_sender.keys()):
        sent = [Decimal(side.billed_by_sender.get(currency, "0")) for side in (one, other)]
        costs[currency] = canonical(add(sent[0], sent[1]))
    return dataclasses.replace(
        one,
        quantity=add(one.quantity, other.quantity),
        unrounded=add(one.unrounded, other.unrounded),
        amount=add(one.amount, other.amount),
        billed_by_sender={currency: cost for currency, cost in costs.items() if cost != "0"},
    )

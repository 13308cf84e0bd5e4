"""Sizes of machines: which one is next below, and what share of the price it has.

Within a family of AWS, Azure, Google or Gcore the price goes by the processors.
"""

import re
from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple

from accounts.exact import quotient

_AWS: Final = re.compile(r"([a-z]+\d+[a-z-]*)\.(nano|micro|small|medium|large|(\d*)xlarge)")
_AZURE: Final = re.compile(r"((?:standard_)?[a-z]+)(\d+)((?:-\d+)?[a-z]*(?:_v\d+)?)", re.IGNORECASE)
_GOOGLE: Final = re.compile(r"([a-z]+\d+[a-z]*-(?:standard|highmem|highcpu)-)(\d+)")
_GCORE: Final = re.compile(r"(g\d+[a-z]*-[a-z]+-)(\d+)-(\d+)")
# In quarters of the smallest of them all.
_AWS_UNITS: Final = {"nano": 1, "micro": 2, "small": 4, "medium": 8, "large": 16}
_AWS_STEPS: Final = (*_AWS_UNITS.values(), 32, 64, 128, 256, 512)
_STEPS: Final = (1, 2, 4, 8, 16, 32, 64)


class Smaller(NamedTuple):
    """`share` is its part of the processors, memory and price of the size it was asked for."""

    size: str
    share: Decimal


def smaller(size: str) -> Smaller | None:
    """The size next below in its family; None when there is none. KeyError: nobody knows this size."""
    if match := _AWS.fullmatch(size):
        return _smaller_aws(*match.groups())
    if match := _GCORE.fullmatch(size):
        family, processors, memory = match[1], int(match[2]), int(match[3])
        return _scaled(processors, 1, lambda below: f"{family}{below}-{memory * below // processors}")
    if match := _GOOGLE.fullmatch(size):
        family = match[1]
        return _scaled(int(match[2]), 1 if family.startswith("n1-") else 2, lambda below: f"{family}{below}")
    if match := _AZURE.fullmatch(size):
        family, rest = match[1], match[3]
        least = 2 if "_v" in rest.lower() else 1
        return _scaled(int(match[2]), least, lambda below: f"{family}{below}{rest}")
    raise KeyError(size)


def _scaled(processors: int, least: int, named: Callable[[int], str]) -> Smaller | None:
    below = _below(processors, _STEPS, least)
    return None if below is None else Smaller(named(below), _share(below, processors))


def _below(units: int, steps: tuple[int, ...], least: int) -> int | None:
    place = bisect_left(steps, units) - 1
    return steps[place] if place >= 0 and steps[place] >= least else None


def _share(below: int, units: int) -> Decimal:
    return quotient(Decimal(below), Decimal(units))


def _smaller_aws(family: str, name: str, times: str | None) -> Smaller | None:
    units = _AWS_UNITS[name] if times is None else 32 * int(times or 1)
    kind = re.sub(r"^[a-z]+\d+", "", family)
    smallest = "nano" if family.startswith("t") else "medium" if "g" in kind else "large"
    below = _below(units, _AWS_STEPS, _AWS_UNITS[smallest])
    if below is None:
        return None
    names = {known: word for word, known in _AWS_UNITS.items()}
    word = names.get(below) or f"{below // 32 if below > 32 else ''}xlarge"
    return Smaller(f"{family}.{word}", _share(below, units))

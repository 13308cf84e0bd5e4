"""Sizes of machines: which there are, which one is next below, and what share of the price that has.

Only families are known whose price goes by the processors: none with accelerators or large disks of their
own, no bare metal, no sizes with fewer processors than they are paid for.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from accounts.exact import quotient

# How many of the smallest each is; 4xlarge is four times xlarge.
_WORDS: Final = {"nano": 1, "micro": 2, "small": 4, "medium": 8, "large": 16, "xlarge": 32}
_AWS: Final = re.compile(rf"([a-z0-9-]+)\.(\d*)({'|'.join(_WORDS)})")
_TO_4: Final = ("large", "xlarge", "2xlarge", "4xlarge")
_USUAL: Final = (*_TO_4, "8xlarge", "12xlarge", "16xlarge", "24xlarge", "32xlarge", "48xlarge")
_AWS_FAMILIES: Final = tuple(
    (re.compile(pattern), sizes)
    for pattern, sizes in (
        (r"t2|t3a?|t4g", ("nano", "micro", "small", "medium", "large", "xlarge", "2xlarge")),
        (r"m1", ("small", "medium", "large", "xlarge")),
        (r"m3", ("medium", "large", "xlarge", "2xlarge")),
        (r"m4", (*_TO_4, "10xlarge", "16xlarge")),
        (r"c[34]|r3", (*_TO_4, "8xlarge")),
        (r"r4", (*_TO_4, "8xlarge", "16xlarge")),
        (r"c5d?", (*_TO_4, "9xlarge", "12xlarge", "18xlarge", "24xlarge")),
        (r"c5n", (*_TO_4, "9xlarge", "18xlarge")),
        (r"[mcr][678]gd?|c[678]gn", ("medium", *_USUAL)),
        (r"[mr]5[adn]*|c5ad?|[mcr][678][ai]d?n?(-flex)?", _USUAL),
    )
)
_TWOS: Final = (2, 4, 8, 16, 32, 48, 64, 80, 96, 128)
_N1: Final = (2, 4, 8, 16, 32, 64, 96)
# Of Azure and Google: what stands before and behind the processors, and how many of these there are.
_NUMBERED: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), steps)
    for pattern, steps in (
        (r"((?:standard_)?[de])(\d+)([a-z]*_v[3-9])", _TWOS),
        (r"((?:standard_)?f)(\d+)([a-z]*_v[2-9])", _TWOS),
        (r"((?:standard_)?b)(\d+)(ms)", (2, 4, 8, 12, 16, 20)),
        (r"(n1-standard-)(\d+)()", (1, *_N1)),
        (r"(n1-high(?:mem|cpu)-)(\d+)()", _N1),
        (r"((?:e2|n2d?|n4)-(?:standard|highmem|highcpu)-)(\d+)()", _TWOS),
    )
)
_GCORE: Final = re.compile(r"(g\d+[a-z]*-[a-z]+-)(\d+)-(\d+)")


class Smaller(NamedTuple):
    """`share` is its part of the processors, memory and price of the size it was asked for."""

    size: str
    share: Decimal


@lru_cache(4096)
def smaller(size: str) -> Smaller | None:
    """The size next below in its family; None when there is none. KeyError: nobody knows this size."""
    units, sizes = _family(size)
    below = max((known for known in sizes if known < units), default=None)
    return None if below is None else Smaller(sizes[below], quotient(Decimal(below), Decimal(units)))


def aws_sizes(family: str) -> Sequence[str]:
    """The sizes of a family of AWS, the smallest first; none of one that nobody knows."""
    return next((sizes for pattern, sizes in _AWS_FAMILIES if pattern.fullmatch(family)), ())


def _family(size: str) -> tuple[int, dict[int, str]]:
    """How much a size is, and the sizes of its family by how much they are. KeyError."""
    if match := _AWS.fullmatch(size):
        family = match[1]
        if (name := match[2] + match[3]) in aws_sizes(family):
            return _units(name), {_units(known): f"{family}.{known}" for known in aws_sizes(family)}
    if match := _GCORE.fullmatch(size):
        family, units, memory = match[1], int(match[2]), int(match[3])
        return units, {n: f"{family}{n}-{memory * n // units}" for n in (1, *_TWOS)}
    for pattern, steps in _NUMBERED:
        if match := pattern.fullmatch(size):
            return int(match[2]), {n: f"{match[1]}{n}{match[3]}" for n in steps}
    raise KeyError(size)


def _units(name: str) -> int:
    word = name.lstrip("0123456789")
    return int(name[: -len(word)] or 1) * _WORDS[word]

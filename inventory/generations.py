"""Families of machines and volumes that a cheaper one came after: the successor and its share of the price.

The shares are those of AWS's and Google's list prices for Linux in us-east-1 and us-central1.
"""

import re
from decimal import Decimal
from typing import Final, NamedTuple


class Successor(NamedTuple):
    size: str
    share: Decimal


_FAMILIES: Final = {
    "aws": {
        "t1": ("t3", "0.52"),
        "t2": ("t3", "0.897"),
        "m1": ("m5", "0.55"),
        "m3": ("m5", "0.722"),
        "m4": ("m6a", "0.864"),
        "m5": ("m6a", "0.9"),
        "c3": ("c5", "0.81"),
        "c4": ("c5", "0.854"),
        "c5": ("c6a", "0.9"),
        "r3": ("r5", "0.759"),
        "r4": ("r6a", "0.853"),
        "r5": ("r6a", "0.9"),
        "gp2": ("gp3", "0.8"),
    },
    "gcp": {"n1": ("e2", "0.705")},
}


def successor(provider: str, size: str) -> Successor | None:
    """What came after the family of a size, in the same size; None when nothing cheaper is known."""
    family = re.split(r"[.-]", size, maxsplit=1)[0]
    found = _FAMILIES.get(provider, {}).get(family)
    if found is None:
        return None
    name, share = found
    return Successor(name + size[len(family) :], Decimal(share))

"""Families of machines and volumes that a cheaper one came after: the successor and its share of the price.

The shares are those of AWS's list prices on demand, for Linux in us-east-1. What a bill has beside them is
not seen: that disks of the machine itself (m1, m3, c3, r3) have no successor, that a discount may be of the
old family alone. Google's n1 is not here for that: what runs all month has 30 % off there, and none as e2.
"""

from decimal import Decimal
from typing import Final, NamedTuple

from inventory.sizes import aws_sizes


class Successor(NamedTuple):
    size: str
    share: Decimal


_MACHINES: Final = {
    "t1": ("t3", "0.52"),
    "t2": ("t3", "0.897"),
    "m1": ("m5", "0.549"),
    "m3": ("m5", "0.722"),
    "m4": ("m6a", "0.864"),
    "m5": ("m6a", "0.9"),
    "c3": ("c5", "0.81"),
    "c4": ("c5", "0.854"),
    "c5": ("c6a", "0.9"),
    "r3": ("r5", "0.759"),
    "r4": ("r6a", "0.853"),
    "r5": ("r6a", "0.9"),
}
_VOLUMES: Final = {"gp2": ("gp3", "0.8")}


def successor(provider: str, size: str) -> Successor | None:
    """What came after the family of a size, in the same size; None when there is none that is cheaper."""
    if provider != "aws":
        return None
    family, _, rest = size.partition(".")
    name, share = (_MACHINES if rest else _VOLUMES).get(family, ("", ""))
    if not name or (rest and rest not in aws_sizes(name)):
        return None
    return Successor(f"{name}.{rest}" if rest else name, Decimal(share))

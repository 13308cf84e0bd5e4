"""Splitting an amount so that its parts are the whole, to the last digit. No database here."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final

from accounts.exact import EXACT, exact_sum

UNIT: Final = Decimal("1E-14")
_DOWN: Final = Context(prec=200, rounding=ROUND_DOWN)


def split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """A part for each weight; none is negative and one at least is not 0.

    Each part is rounded to 14 digits after the point, towards zero. What that leaves goes to the first part
    whose weight is not 0.
    """
    total = exact_sum(weights)
    parts = [
        _DOWN.divide(_DOWN.multiply(amount, weight), total).quantize(UNIT, context=_DOWN)
        for weight in weights
    ]
    left = EXACT.subtract(amount, exact_sum(parts))
    first = next(place for place, weight in enumerate(weights) if weight)
    parts[first] = EXACT.add(parts[first], left)
    return parts

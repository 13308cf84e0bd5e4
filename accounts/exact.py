"""Decimal arithmetic that rounds nothing by accident."""

from decimal import Context, Decimal
from typing import Final

# Accepted numbers have 38 digits between 10^37 and 10^-67; no sum of them is ever rounded here.
EXACT: Final = Context(prec=200)


def canonical(number: Decimal) -> str:
    """The one plain decimal text of a number: no exponent, no trailing zeros, no minus zero."""
    return format(EXACT.normalize(number), "f") if number else "0"


def quotient(number: Decimal, divisor: Decimal) -> Decimal:
    """A division to 20 digits after the point, the last rounded half to even."""
    return EXACT.quantize(EXACT.divide(number, divisor), Decimal("1E-20"))

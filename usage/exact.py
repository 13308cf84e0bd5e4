"""What senders call a cost and a currency, exactly."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from accounts.exact import EXACT, number_of

# A cost that was sent as text; within these bounds sums of costs stay exact too. PostgreSQL reads it as well.
COST_TEXT: Final = r"-?[0-9]{1,38}(\.[0-9]{1,38})?([eE][+-]?[0-5]?[0-9])?"

DEFAULT_CURRENCY: Final = "USD"
NO_CURRENCY: Final = "XXX"  # ISO 4217's own code for it: such amounts are never added to money
CURRENCY_TEXT: Final = "[A-Z]{3}"
_is_cost: Final = re.compile(COST_TEXT).fullmatch
_is_currency: Final = re.compile(CURRENCY_TEXT).fullmatch


def nearest_rank(numbers: Sequence[Decimal], share: Decimal) -> Decimal:
    """The least of the numbers that at least this share of them (0 < share <= 1) does not exceed."""
    rank = math.ceil(EXACT.multiply(share, Decimal(len(numbers))))
    return sorted(numbers)[rank - 1]


def cost_of(value: Any) -> Decimal | None:
    """What a sender gave as a cost: a JSON number, or a decimal number as text. None for anything else."""
    if isinstance(value, str):
        return Decimal(value) if _is_cost(value) else None
    return number_of(value)


def currency_of(value: Any) -> str:
    """The currency that a sender gave: US dollars when none was, NO_CURRENCY for what is no ISO 4217 code."""
    if value is None:
        return DEFAULT_CURRENCY
    return value if isinstance(value, str) and _is_currency(value) else NO_CURRENCY

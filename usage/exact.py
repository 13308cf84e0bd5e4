"""Numbers and properties out of JSON documents, exactly."""

import math
import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from accounts.exact import EXACT, canonical

# A cost that was sent as text; within these bounds sums of costs stay exact too. PostgreSQL reads it as well.
COST_TEXT: Final = r"-?[0-9]{1,38}(\.[0-9]{1,38})?([eE][+-]?[0-5]?[0-9])?"

DEFAULT_CURRENCY: Final = "USD"
NO_CURRENCY: Final = "XXX"  # ISO 4217's own code for it: such amounts are never added to money
CURRENCY_TEXT: Final = "[A-Z]{3}"

COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "^=": str.startswith,
    "~": operator.contains,
}


def nearest_rank(numbers: Sequence[Decimal], share: Decimal) -> Decimal:
    """The least of the numbers that at least this share of them (0 < share <= 1) does not exceed."""
    rank = math.ceil(EXACT.multiply(share, Decimal(len(numbers))))
    return sorted(numbers)[rank - 1]


def property_in(document: Any, path: Sequence[str | int]) -> Any:
    """The value at a path, keys for objects and positions for lists; None when there is none."""
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def number_of(value: Any) -> Decimal | None:
    """A JSON number as Decimal; None for anything else."""
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def cost_of(value: Any) -> Decimal | None:
    """What a sender gave as a cost: a JSON number, or a decimal number as text. None for anything else."""
    if isinstance(value, str):
        return Decimal(value) if re.fullmatch(COST_TEXT, value) else None
    return number_of(value)


def currency_of(value: Any) -> str:
    """The currency that a sender gave: US dollars when none was, NO_CURRENCY for what is no ISO 4217 code."""
    if value is None:
        return DEFAULT_CURRENCY
    return value if isinstance(value, str) and re.fullmatch(CURRENCY_TEXT, value) else NO_CURRENCY


def text_of(value: Any) -> str | None:
    """A JSON text, number or boolean as `JsonText` gives it; None for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    number = number_of(value)
    return None if number is None else canonical(number)


def canonical_document(value: Any) -> Any:
    """A JSON value whose encoding does not depend on how a database orders keys or writes numbers."""
    if isinstance(value, dict):
        return {key: canonical_document(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [canonical_document(item) for item in value]
    number = number_of(value)
    return value if number is None else Decimal(canonical(number))

"""Decimal arithmetic that rounds nothing by accident, and what JSON documents hold, exactly."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal
from typing import Any, Final

# Accepted numbers have 38 digits between 10^37 and 10^-67; no sum of them is ever rounded here.
EXACT: Final = Context(prec=200)

# The comparisons of accounts.grammar, without !=.
COMPARED: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "^=": str.startswith,
    "~": operator.contains,
}


def canonical(number: Decimal) -> str:
    """The one plain decimal text of a number: no exponent, no trailing zeros, no minus zero."""
    return format(EXACT.normalize(number), "f") if number else "0"


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """The sum without rounding, whatever the caller's decimal context."""
    found = Decimal(0)
    for number in numbers:
        found = EXACT.add(found, number)
    return found


def quotient(number: Decimal, divisor: Decimal) -> Decimal:
    """A division to 20 digits after the point, the last rounded half to even."""
    return EXACT.quantize(EXACT.divide(number, divisor), Decimal("1E-20"))


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


def text_of(value: Any) -> str | None:
    """A JSON text, number or boolean as accounts.sql.JsonText gives it; None for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    number = number_of(value)
    return None if number is None else canonical(number)


def values_of(text: str) -> list[Any]:
    """All JSON values whose text, as `text_of` gives it, is this one."""
    values: list[Any] = [text]
    if text in ("true", "false"):
        values.append(text == "true")
    elif re.fullmatch(r"-?[0-9]{1,38}(\.[0-9]{1,38})?", text) and canonical(Decimal(text)) == text:
        values.append(Decimal(text))
    return values


def canonical_document(value: Any) -> Any:
    """A JSON value whose encoding does not depend on how a database orders keys or writes numbers."""
    if isinstance(value, dict):
        return {key: canonical_document(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [canonical_document(item) for item in value]
    number = number_of(value)
    return value if number is None else Decimal(canonical(number))

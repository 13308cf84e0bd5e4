"""JSON as it comes over the wire: exact, bounded, and the same on every database.

Numbers with a fraction become `Decimal`. What one of the databases or a later reader would choke on
is refused here with a message that names it: NUL, lone surrogates, NaN, a key given twice, numbers
and nesting beyond any use.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
from django.utils.functional import Promise

from accounts.errors import ValidationFailed

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 38
MAX_INT: Final = 10**MAX_DIGITS
MAX_EXPONENT: Final = 30


def _plain(value: Any) -> Any:
    """What msgspec does not know by itself: lazy texts, and Django's and DRF's own kinds of containers."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str | Promise):
        return str(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain)


def encode(value: Any) -> bytes:
    """Compact JSON; a Decimal is written as the number that it is."""
    return _encoder.encode(value)


def exact_number(text: str) -> Decimal:
    """A JSON number with a fraction or exponent, up to 38 digits and 10^±30."""
    if len(text) < MAX_EXPONENT and "e" not in text and "E" not in text:
        return Decimal(text)
    if len(text) > 2 * MAX_DIGITS:
        raise ValueError(f"a number is longer than {2 * MAX_DIGITS} characters")
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"the number {text} is beyond 10^±{MAX_EXPONENT}") from error
    if len(number.as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError(
            f"the number {text} has more than {MAX_DIGITS} digits or is beyond 10^±{MAX_EXPONENT}"
        )
    # 1e5 is 100000 on every database.
    return Decimal(int(number)) if int(number.as_tuple().exponent) > 0 else number


def _exact_int(text: str) -> int:
    if len(text) > MAX_DIGITS + 1:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(text)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice[:100]!r} is given twice")
    return result


def check_value(value: Any, depth: int = 0) -> None:
    """Raise ValueError for what must not be stored: NUL, lone surrogates, too deep, too large."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a text holds the NUL character \\u0000")
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise ValueError("a text holds half of a surrogate pair (\\ud800-\\udfff)")
    elif isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            for key in value:
                check_value(key, depth + 1)
            value = value.values()
        for item in value:
            check_value(item, depth + 1)
    elif isinstance(value, int) and not -MAX_INT < value < MAX_INT:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")


def check_charset(charset: str) -> None:
    if charset.lower() not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        raise ValidationFailed(f"The charset {charset[:40]!r} is not supported; send UTF-8.")


def decode(body: bytes, charset: str = "utf-8") -> Any:
    """The value of a JSON body, or ValidationFailed with the reason."""
    check_charset(charset)
    try:
        value = json.loads(
            body.decode(),
            parse_float=exact_number,
            parse_int=_exact_int,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )
        check_value(value)
    except json.JSONDecodeError as error:
        raise ValidationFailed(
            f"Invalid JSON at line {error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except UnicodeDecodeError as error:
        raise ValidationFailed(f"Invalid JSON: byte {error.start} is not UTF-8.") from error
    except RecursionError as error:
        raise ValidationFailed(f"Invalid JSON: it is nested more than {MAX_DEPTH} levels deep.") from error
    except ValueError as error:
        raise ValidationFailed(f"Invalid JSON: {error}.") from error
    return value

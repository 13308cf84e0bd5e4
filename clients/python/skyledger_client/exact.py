"""JSON in and out without a binary fraction on the way."""

import json
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from math import isfinite
from typing import Any


def dumps(value: Any) -> str:
    """Compact JSON; a Decimal is written digit by digit as the number it is.

    Errors: TypeError for what JSON cannot hold, ValueError for NaN and infinities.
    """
    match value:
        case str():
            return encode_basestring(value)
        case None | bool():
            return json.dumps(value)
        case int():
            return int.__repr__(value)
        case float() | Decimal():
            if not isfinite(value):
                raise ValueError(f"{value} is not a JSON number")
            return str(value) if isinstance(value, Decimal) else float.__repr__(value)
        case Mapping():
            return "{" + ",".join(f"{_key(name)}:{dumps(item)}" for name, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(dumps(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} has no JSON form")


def loads(text: str | bytes) -> Any:
    """The value of a JSON text; numbers with a fraction become Decimals. ValueError when it is none."""
    return json.loads(text, parse_float=Decimal)


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no name of a JSON field: use a text")
    return encode_basestring(name)

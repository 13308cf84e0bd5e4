"""What PostgreSQL knows by itself, for SQLite: exact numbers and JSON properties.

A number is canonical text. The functions are registered on each new connection.
"""

import sqlite3
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.exact import EXACT, canonical, number_of, property_in, text_of
from accounts.wire import exact_number

COLLATION: Final = "sky_decimal"
_read = msgspec.json.Decoder(float_hook=exact_number).decode


def register_functions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor != "sqlite":
        return
    add_functions(connection, _FUNCTIONS, _AGGREGATES)
    sqlite: sqlite3.Connection = connection.connection
    sqlite.create_collation(COLLATION, _compare)
    # Django counts on the 999 of old builds, and would cut one statement of many rows into hundreds.
    limit = sqlite.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    connection.features.max_query_params = limit


def add_functions(
    connection: BaseDatabaseWrapper,
    functions: Mapping[str, Callable[..., Any]],
    aggregates: Mapping[str, type[Any]],
) -> None:
    """Functions and aggregates of any number of arguments, for this SQLite connection."""
    sqlite: sqlite3.Connection = connection.connection
    for name, function in functions.items():
        sqlite.create_function(name, -1, function, deterministic=True)
    for name, aggregate in aggregates.items():
        sqlite.create_aggregate(name, -1, aggregate)


@lru_cache(maxsize=16)
def document(text: str) -> Any:
    """The value of a JSON column's text."""
    return _read(text)


def _sqlite_number(text: str, *path: str | int) -> str | None:
    number = number_of(property_in(document(text), path))
    return None if number is None else canonical(number)


def _sqlite_text(text: str, *path: str | int) -> str | None:
    return text_of(property_in(document(text), path))


def _sqlite_is(text: str, key: str, value: str) -> bool:
    return _sqlite_text(text, key) == value


def _sqlite_exists(text: str, *path: str | int) -> bool:
    return property_in(document(text), path) is not None


def _compare(left: str, right: str) -> int:
    a, b = Decimal(left), Decimal(right)
    return (a > b) - (a < b)


class _Fold:
    """An aggregate over numbers; null when there are none."""

    def __init__(self) -> None:
        self.total: Decimal | None = None

    def step(self, value: Any) -> None:
        if value is not None:
            number = Decimal(str(value))
            self.total = number if self.total is None else self.fold(self.total, number)

    def fold(self, total: Decimal, number: Decimal) -> Decimal:
        raise NotImplementedError

    def finalize(self) -> str | None:
        return None if self.total is None else canonical(self.total)


class _Sum(_Fold):
    def fold(self, total: Decimal, number: Decimal) -> Decimal:
        return EXACT.add(total, number)


class _Min(_Fold):
    def fold(self, total: Decimal, number: Decimal) -> Decimal:
        return min(total, number)


class _Max(_Fold):
    def fold(self, total: Decimal, number: Decimal) -> Decimal:
        return max(total, number)


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "sky_number": _sqlite_number,
    "sky_text": _sqlite_text,
    "sky_is": _sqlite_is,
    "sky_exists": _sqlite_exists,
}
_AGGREGATES: Final[dict[str, type[Any]]] = {"sky_sum": _Sum, "sky_min": _Min, "sky_max": _Max}

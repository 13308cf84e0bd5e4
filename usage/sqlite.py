"""What PostgreSQL knows by itself, for SQLite: exact numbers, JSON properties, intervals of time.

A number is canonical text. The functions are registered on each new connection.
"""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.exact import EXACT, canonical
from accounts.wire import exact_number
from usage.exact import COMPARED, cost_of, currency_of, nearest_rank, number_of, property_in, text_of

COLLATION: Final = "sky_decimal"
_read = msgspec.json.Decoder(float_hook=exact_number).decode


def register_functions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor != "sqlite":
        return
    sqlite: sqlite3.Connection = connection.connection
    for name, function in _FUNCTIONS.items():
        sqlite.create_function(name, -1, function, deterministic=True)
    for name, aggregate in _AGGREGATES.items():
        sqlite.create_aggregate(name, -1, aggregate)
    sqlite.create_collation(COLLATION, _compare)


@lru_cache(maxsize=16)
def _document(text: str) -> Any:
    return _read(text)


def _sqlite_number(text: str, *path: str | int) -> str | None:
    number = number_of(property_in(_document(text), path))
    return None if number is None else canonical(number)


def _sqlite_cost(text: str, *path: str | int) -> str | None:
    cost = cost_of(property_in(_document(text), path))
    return None if cost is None else canonical(cost)


def _sqlite_currency(text: str, *path: str | int) -> str:
    return currency_of(property_in(_document(text), path))


def _sqlite_text(text: str, *path: str | int) -> str | None:
    return text_of(property_in(_document(text), path))


def _sqlite_exists(text: str, *path: str | int) -> bool:
    return property_in(_document(text), path) is not None


def _sqlite_any_tag(tags: str, operator: str, value: str) -> bool:
    return any(COMPARED[operator](tag, value) for tag in _document(tags))


def _sqlite_list(text: str) -> str:
    return json.dumps(_document(text), ensure_ascii=False)


@lru_cache(maxsize=4)
def _edges(text: str) -> list[str]:
    return list(json.loads(text))


def _sqlite_bucket(moment: str, edges: str) -> int:
    return bisect_right(_edges(edges), moment)


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


class _Rank:
    def __init__(self) -> None:
        self.numbers: list[Decimal] = []
        self.share = Decimal(1)

    def step(self, value: str, share: str) -> None:
        self.numbers.append(Decimal(value))
        self.share = Decimal(share)

    def finalize(self) -> str | None:
        return canonical(nearest_rank(self.numbers, self.share)) if self.numbers else None


class _Latest:
    def __init__(self) -> None:
        self.last = ("", "", "")

    def step(self, value: str, moment: str, row: str) -> None:
        self.last = max(self.last, (moment, row, value))

    def finalize(self) -> str | None:
        return self.last[2] or None


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "sky_number": _sqlite_number,
    "sky_cost": _sqlite_cost,
    "sky_currency": _sqlite_currency,
    "sky_text": _sqlite_text,
    "sky_exists": _sqlite_exists,
    "sky_any_tag": _sqlite_any_tag,
    "sky_list": _sqlite_list,
    "sky_bucket": _sqlite_bucket,
}
_AGGREGATES: Final[dict[str, type[Any]]] = {
    "sky_sum": _Sum,
    "sky_min": _Min,
    "sky_max": _Max,
    "sky_rank": _Rank,
    "sky_latest": _Latest,
}

"""What the sums over events ask of SQLite beyond accounts.sqlite: costs, tags, ranks, intervals of time."""

import json
from bisect import bisect_right
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.exact import COMPARED, canonical, property_in
from accounts.sqlite import add_functions, document
from usage.exact import cost_of, currency_of, nearest_rank


def register_functions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        add_functions(connection, _FUNCTIONS, _AGGREGATES)


def _sqlite_cost(text: str, *path: str | int) -> str | None:
    cost = cost_of(property_in(document(text), path))
    return None if cost is None else canonical(cost)


def _sqlite_currency(text: str, *path: str | int) -> str:
    return currency_of(property_in(document(text), path))


def _sqlite_any_tag(tags: str, operator: str, value: str) -> bool:
    return any(COMPARED[operator](tag, value) for tag in document(tags))


def _sqlite_list(text: str) -> str:
    return json.dumps(document(text), ensure_ascii=False)


@lru_cache(maxsize=4)
def _edges(text: str) -> list[str]:
    return list(json.loads(text))


def _sqlite_bucket(moment: str, edges: str) -> int:
    return bisect_right(_edges(edges), moment)


class _Rank:
    def __init__(self) -> None:
        self.numbers: list[Decimal] = []
        self.share = Decimal(1)

    def step(self, value: str | None, share: str) -> None:
        if value is not None:
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
    "sky_cost": _sqlite_cost,
    "sky_currency": _sqlite_currency,
    "sky_any_tag": _sqlite_any_tag,
    "sky_list": _sqlite_list,
    "sky_bucket": _sqlite_bucket,
}
_AGGREGATES: Final[dict[str, type[Any]]] = {
    "sky_rank": _Rank,
    "sky_latest": _Latest,
}

"""What the figures about builds ask of SQLite: percentiles of durations, which it keeps in microseconds."""

import json
import math
import sqlite3
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

SHARES: Final = (0.5, 0.9, 0.95)


def register_functions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        sqlite: sqlite3.Connection = connection.connection
        for name, aggregate in _AGGREGATES.items():
            sqlite.create_aggregate(name, 1, aggregate)


class _Percentiles:
    """By nearest rank, as PostgreSQL's percentile_disc."""

    def __init__(self) -> None:
        self.found: list[int] = []

    def step(self, value: int | None) -> None:
        if value is not None:
            self.found.append(value)

    def finalize(self) -> str | None:
        ordered = sorted(self.found)
        ranks = [max(math.ceil(share * len(ordered)), 1) for share in SHARES]
        return json.dumps([ordered[rank - 1] for rank in ranks]) if ordered else None


_AGGREGATES: Final[dict[str, type[Any]]] = {"sky_percentiles": _Percentiles}

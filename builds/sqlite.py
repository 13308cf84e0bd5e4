"""What the figures about builds ask of SQLite: percentiles of durations, which it keeps in microseconds."""

import json
import math
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.sqlite import add_functions

SHARES: Final = (0.5, 0.9, 0.95)


def register_functions(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if connection.vendor == "sqlite":
        add_functions(connection, {}, {"sky_percentiles": _Percentiles})


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

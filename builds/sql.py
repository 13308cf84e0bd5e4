"""Figures about durations, the same on both databases."""

import json
from datetime import timedelta
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, DurationField, ExpressionWrapper, F, Field
from django.db.models.sql.compiler import SQLCompiler

from accounts.sql import Sql
from builds.sqlite import SHARES


class _DurationsField(Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """A list of durations, for expressions only."""

    def get_internal_type(self) -> str:
        return "DurationsField"

    def from_db_value(self, value: Any, *_: Any) -> list[timedelta] | None:
        if isinstance(value, str):
            return [timedelta(microseconds=each) for each in json.loads(value)]
        found: list[timedelta] | None = value
        return found


class Percentiles(Aggregate):
    """The 50th, 90th and 95th percentile of durations by nearest rank; null when there are none."""

    function = "sky_percentiles"
    output_field = _DurationsField(null=True)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
        shares = ", ".join(map(str, SHARES))
        ordered = self.copy()  # a template that is handed over goes wrong beside a filter
        ordered.template = f"PERCENTILE_DISC(ARRAY[{shares}]) WITHIN GROUP (ORDER BY %(expressions)s)"
        return ordered.as_sql(compiler, connection, **context)


def time_between(start: str, end: str) -> Any:
    return ExpressionWrapper(F(end) - F(start), output_field=DurationField())

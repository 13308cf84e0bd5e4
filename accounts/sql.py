"""Exact numbers, properties of JSON columns and filters in SQL, the same on both databases.

PostgreSQL computes with numeric and jsonb. SQLite knows neither: there Python's Decimal does it, in
accounts.sqlite, and a number travels as canonical text. All results are Decimal.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Aggregate, BooleanField, CharField, F, Field, Func, Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.db.models.sql.compiler import SQLCompiler

from accounts.exact import canonical, values_of
from accounts.grammar import And, Compare, Filter, Leaf, Not, Or
from accounts.sqlite import COLLATION
from accounts.wire import encode

Sql = tuple[str, tuple[Any, ...]]


class ExactNumberField(Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """A number of any size, for expressions only."""

    def get_internal_type(self) -> str:
        return "ExactNumberField"  # none of Django's, whose conversions on SQLite go through float

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        return canonical(value) if connection.vendor == "sqlite" and isinstance(value, Decimal) else value

    def from_db_value(self, value: Any, *_: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class JsonProperty(Func):
    """What a path of keys and array positions leads to in a JSON column."""

    def __init__(self, column: str, *path: str | int) -> None:
        super().__init__(F(column), *(Value(step) for step in path))

    def jsonb(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        parts = [compiler.compile(part) for part in self.get_source_expressions()]
        return " -> ".join(sql for sql, _ in parts), tuple(p for _, params in parts for p in params)


class JsonNumber(JsonProperty):
    """A number in a JSON column as Decimal; null when it is absent or no JSON number."""

    function = "sky_number"
    output_field = ExactNumberField(null=True)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        sql, params = self.as_sql(compiler, connection)
        return f"({sql} COLLATE {COLLATION})", params

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        value, params = self.jsonb(compiler, connection)
        sql = f"(CASE WHEN jsonb_typeof({value}) = 'number' THEN ({value})::numeric END)"
        return sql, params * 2


class JsonText(JsonProperty):
    """A text, number or boolean in a JSON column as text in byte order; null for anything else.

    A number is its canonical text, so that 1.50 and 1.5 are one.
    """

    function = "sky_text"
    output_field = CharField(null=True)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        value, params = self.jsonb(compiler, connection)
        sql = (
            f"((CASE jsonb_typeof({value}) WHEN 'number' THEN trim_scale(({value})::numeric)::text"
            f" WHEN 'string' THEN ({value}) #>> '{{}}' WHEN 'boolean' THEN ({value})::text END)"
            ' COLLATE "C")'
        )
        return sql, params * 4


class JsonIs(Func):
    """Whether the value at a key of a JSON column is one whose JsonText is this text.

    On PostgreSQL an index of the column (gin, jsonb_path_ops) can find it.
    """

    function = "sky_is"
    output_field = BooleanField()

    def __init__(self, column: str, key: str, text: str) -> None:
        super().__init__(F(column), Value(key), Value(text))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        column, key, text = self.get_source_expressions()
        sql, params = compiler.compile(column)
        documents = [encode({key.value: value}).decode() for value in values_of(text.value)]
        tests = " OR ".join(f"{sql} @> %s::jsonb" for _ in documents)
        return f"({tests})", tuple(p for document in documents for p in (*params, document))


class JsonExists(JsonProperty):
    """Whether a JSON column has a value there that is not null."""

    function = "sky_exists"
    output_field = BooleanField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        value, params = self.jsonb(compiler, connection)
        return f"COALESCE(jsonb_typeof({value}) <> 'null', FALSE)", params


class ColumnText(Func):
    """A text column in byte order."""

    output_field = CharField()

    def __init__(self, column: str) -> None:
        super().__init__(F(column))

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        return self.as_sql(compiler, connection, template="%(expressions)s")

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        return self.as_sql(compiler, connection, template='(%(expressions)s COLLATE "C")')


class ExactAggregate(Aggregate):
    output_field = ExactNumberField(null=True)
    sqlite: str

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Sql:
        return self.as_sql(compiler, connection, function=self.sqlite, **context)


class ExactSum(ExactAggregate):
    function, sqlite = "SUM", "sky_sum"


class ExactMin(ExactAggregate):
    function, sqlite = "MIN", "sky_min"


class ExactMax(ExactAggregate):
    function, sqlite = "MAX", "sky_max"


LOOKUPS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": Exact,
    "<": LessThan,
    "<=": LessThanOrEqual,
    ">": GreaterThan,
    ">=": GreaterThanOrEqual,
}


def joined_q(part: Filter, leaf: Callable[[Leaf], Q]) -> Q:
    """A filter for a queryset: `leaf` says what a comparison means; it is never asked for `!=`."""
    if isinstance(part, And | Or):
        joined = Q(_connector=Q.AND if isinstance(part, And) else Q.OR)
        for inner in part.parts:
            joined.add(Q(joined_q(inner, leaf)), joined.connector)
        return joined
    if isinstance(part, Not):
        return ~joined_q(part.part, leaf)
    if isinstance(part, Compare) and part.operator == "!=":
        return ~leaf(Compare(part.path, "=", part.value))
    return leaf(part)


def known(condition: Any) -> Any:
    """False instead of null, so that `not` of it is true."""
    return Coalesce(condition, Value(False), output_field=BooleanField())

"""Costs, currencies, tags and measures of events in SQL, the same on both databases (see accounts.sql)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, CharField, Expression, F, Func, IntegerField, Value
from django.db.models.functions import Coalesce, Substr
from django.db.models.sql.compiler import SQLCompiler

from accounts.sql import (
    ColumnText,
    ExactAggregate,
    ExactNumberField,
    JsonNumber,
    JsonProperty,
    JsonText,
    Sql,
)
from usage.exact import COST_TEXT, CURRENCY_TEXT, DEFAULT_CURRENCY, NO_CURRENCY

JSON_COLUMNS: Final = frozenset({"metrics", "metadata", "billing_info"})
MODEL_LENGTH: Final = 255
# PostgreSQL takes six times as long when it has to count digits, and a text as short as this has no more.
COST_SHAPE: Final = COST_TEXT.replace("{1,38}", "+")
SHORT_COST: Final = 38
FLOAT_SLACK: Final = Decimal("1e-15")  # more than a product of floats errs, relative to it


class SentCost(JsonNumber):
    """billing_info.total_cost as Decimal, sent as a number or as text; null when it is neither."""

    function = "sky_cost"

    def __init__(self) -> None:
        super().__init__("billing_info", "total_cost")

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        value, params = self.jsonb(compiler, connection)
        text = f"({value}) #>> '{{}}'"
        sql = (
            f"(CASE WHEN jsonb_typeof({value}) = 'number' OR jsonb_typeof({value}) = 'string'"
            f" AND {text} ~ '^({COST_SHAPE})$'"
            f" AND (length({text}) <= {SHORT_COST} OR {text} ~ '^({COST_TEXT})$')"
            f" THEN ({text})::numeric END)"
        )
        return sql, params * 6


class SentCurrency(JsonProperty):
    """The currency of SentCost: USD when none was sent, XXX when what was sent is none."""

    function = "sky_currency"
    output_field = CharField()

    def __init__(self) -> None:
        super().__init__("billing_info", "currency")

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        value, params = self.jsonb(compiler, connection)
        text = f"({value}) #>> '{{}}'"
        sql = (
            f"(CASE WHEN jsonb_typeof({value}) = 'string' AND {text} ~ '^{CURRENCY_TEXT}$' THEN {text}"
            f" WHEN {text} IS NULL THEN '{DEFAULT_CURRENCY}' ELSE '{NO_CURRENCY}' END)"
        )
        return sql, params * 4


class MetricNumber(JsonNumber):
    """A metric of an event as Decimal; null when it is absent or no JSON number."""

    def __init__(self, name: str) -> None:
        super().__init__("metrics", name)


class AnyTag(Func):
    """Whether a tag of the event compares so with a text; the operators are the grammar's, without !=."""

    function = "sky_any_tag"
    output_field = BooleanField()
    tests: Final = {
        **{sign: f'tag COLLATE "C" {sign} %s' for sign in ("=", "<", "<=", ">", ">=")},
        "^=": "starts_with(tag, %s)",
        "~": "strpos(tag, %s) > 0",
    }

    def __init__(self, operator: str, value: str) -> None:
        super().__init__(F("tags"), Value(operator), Value(value))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        tags, operator, value = self.get_source_expressions()
        sql, _params = compiler.compile(tags)
        test = self.tests[operator.value]
        return f"EXISTS (SELECT FROM jsonb_array_elements_text({sql}) AS tag WHERE {test})", (value.value,)


class TagsText(Func):
    """All tags of an event, in their order, as the text of a JSON list."""

    function = "sky_list"
    output_field = CharField()

    def __init__(self) -> None:
        super().__init__(F("tags"))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        return self.as_sql(compiler, connection, template='(%(expressions)s::text COLLATE "C")')


def PropertyText(path: str | Sequence[str]) -> Expression:  # noqa: N802  (used as an expression)
    """The text of `metadata.x`, `metrics.x.y`, `tags`, `model` or a text column.

    `model` is metadata.model, else metadata.tier, else empty; its first MODEL_LENGTH characters, as in
    the rollups. A key with a dot needs a sequence.
    """
    column, *keys = path.split(".") if isinstance(path, str) else path
    if column == "model":
        model = Coalesce(JsonText("metadata", "model"), JsonText("metadata", "tier"), Value(""))
        return Substr(model, 1, MODEL_LENGTH)
    if column == "tags":
        return TagsText()
    return JsonText(column, *keys) if column in JSON_COLUMNS else ColumnText(column)


class ExactRank(ExactAggregate):
    """The number at the nearest rank: the least that at least this share (0 < share <= 1) does not exceed.

    The share has up to five digits after the point, and up to 10^9 numbers are ranked right. Nulls are none.
    """

    sqlite = "sky_rank"

    def __init__(self, expression: Any, share: Decimal) -> None:
        super().__init__(expression, Value(share, ExactNumberField()))
        self.share = share

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        number, params = compiler.compile(self.get_source_expressions()[0])
        sql = f"PERCENTILE_DISC(%s::float8) WITHIN GROUP (ORDER BY {number})"
        return sql, (float_share(self.share), *params)


def float_share(share: Decimal) -> float:
    """PostgreSQL rounds the share times the count up, as floats: never may their product be too large."""
    return float(share * (1 - FLOAT_SLACK))


class Latest(ExactAggregate):
    """The number with the greatest timestamp, and id among equals."""

    sqlite = "sky_latest"

    def __init__(self, expression: Any) -> None:
        super().__init__(expression, F("timestamp"), F("id"))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        (number, params), (moment, _m), (row, _r) = map(compiler.compile, self.get_source_expressions()[:3])
        return f"(ARRAY_AGG({number} ORDER BY {moment} DESC, {row} DESC))[1]", params


class Bucket(Func):
    """Which of the half-open intervals between sorted edges a moment is in: 1 for the first, 0 before it."""

    function = "sky_bucket"
    output_field = IntegerField()

    def __init__(self, moment: str, edges: Sequence[datetime]) -> None:
        super().__init__(F(moment))
        self.edges = [edge.astimezone(UTC) for edge in edges]

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        sql, params = self.as_sql(compiler, connection, template="%(function)s(%(expressions)s, %%s)")
        return sql, (*params, json.dumps([str(edge.replace(tzinfo=None)) for edge in self.edges]))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        template = "WIDTH_BUCKET(%(expressions)s, %%s::timestamptz[])"
        sql, params = self.as_sql(compiler, connection, template=template)
        return sql, (*params, self.edges)

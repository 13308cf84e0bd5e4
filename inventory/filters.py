"""What the filters of accounts.grammar mean for resources and for costs.

`tag:env` is a tag, `utilization:cpu` a figure and `details:size` a detail of a resource; the other
properties are those of RESOURCES, of COSTS and, of what costs are for alone, of CHARGES. Texts are compared
byte by byte, a tag's number or boolean by its plain text; a tag is less or greater than a number when it is
one itself. What is empty or absent matches nothing and does not exist; `!=` is `not =`.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple

from django.db.models import F, Q, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import Exact, GreaterThan

from accounts.errors import ValidationFailed
from accounts.grammar import (
    EVERYTHING,
    Exists,
    Filter,
    GrammarError,
    In,
    Leaf,
    Path,
    leaves,
    parse_filter,
)
from accounts.sql import LOOKUPS, JsonExists, JsonIs, JsonNumber, JsonText, joined_q, known
from inventory import reading
from inventory.reading import BadValue
from inventory.rows import CHARGE_FIELDS


class Kind(Enum):
    TEXT = "a text"
    NUMBER = "a number"
    DAY = "a date such as 2026-03-10"
    MOMENT = "a moment such as 2026-03-10T12:00:00Z"
    TAG = "a text or a number"


class Property(NamedTuple):
    """`column` is the way to it from the model that is asked, unless `meant` says what a comparison means."""

    kind: Kind
    column: str
    meant: Callable[[Leaf], Q] | None = None


Properties = Mapping[str, Property]
_SUFFIXES: Final = {"=": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def _all(kind: Kind, *names: str, prefix: str = "") -> dict[str, Property]:
    return {name: Property(kind, prefix + name) for name in names}


RESOURCES: Final[Properties] = {
    **_all(Kind.TEXT, "provider", "resource_id", "resource_type", "region", "state", "name", "currency"),
    **_all(Kind.NUMBER, "cost_daily", "cost_monthly"),
    **_all(Kind.MOMENT, "created_at", "first_seen_at", "last_seen_at"),
    "account": Property(Kind.TEXT, "cloud_account__account_id"),
    "tag": Property(Kind.TAG, "tags"),
    "utilization": Property(Kind.TAG, "utilization"),
    "details": Property(Kind.TAG, "details"),
}
COSTS: Final[Properties] = {
    **_all(Kind.TEXT, *(set(CHARGE_FIELDS) - {"tags", "other"}), prefix="charge__"),
    **_all(Kind.TEXT, "currency", "invoice_id"),
    **_all(Kind.NUMBER, "billed_cost", "effective_cost", "list_cost", "contracted_cost"),
    **_all(Kind.NUMBER, "pricing_quantity", "consumed_quantity"),
    **_all(Kind.MOMENT, "charge_start", "charge_end"),
    "day": Property(Kind.DAY, "cost_day__day"),
    "source": Property(Kind.TEXT, "cost_day__source"),
    "account": Property(Kind.TEXT, "charge__cloud_account__account_id"),
    "tag": Property(Kind.TAG, "charge__tags"),
}
CHARGES: Final[Properties] = {
    name: Property(known.kind, known.column.removeprefix("charge__"))
    for name, known in COSTS.items()
    if known.column.startswith("charge__")
}


def read_filter(text: str, properties: Properties, field: str = "filter") -> Filter:
    """The filter of a text, everything when it is blank; ValidationFailed naming the place and the field."""
    if not text.strip():
        return EVERYTHING
    try:
        found = parse_filter(text)
        for leaf in leaves(found):
            if property_of(leaf.path, properties)[0].meant is None:
                _q(leaf, properties)
    except GrammarError as error:
        told = {"field": field, "message": str(error), "position": error.position}
        raise ValidationFailed(f"{field}: {error}", errors=[told]) from error
    return found


def filter_q(found: Filter, properties: Properties) -> Q:
    """The filter for a queryset of the model that has these properties."""
    return joined_q(found, lambda leaf: _q(leaf, properties))


def property_of(path: Path, properties: Properties) -> tuple[Property, str]:
    """A property and the key in it, empty but for tags; GrammarError unless there is such a one."""
    name, *keys = path.names
    found = properties.get(name)
    if found is None or len(keys) > 1 or bool(keys) != (found.kind is Kind.TAG):
        names = (f"{n}:x" if p.kind is Kind.TAG else n for n, p in sorted(properties.items()))
        raise GrammarError(path.position, f"one of {', '.join(names)}")
    return found, keys[0] if keys else ""


def _q(leaf: Leaf, properties: Properties) -> Q:
    asked, key = property_of(leaf.path, properties)
    if asked.meant is not None:
        return asked.meant(leaf)
    if asked.kind is Kind.TAG:
        return _tag(leaf, asked.column, key)
    if isinstance(leaf, Exists):
        return Q((f"{asked.column}__isnull", False)) & (
            ~Q((asked.column, "")) if asked.kind is Kind.TEXT else Q()
        )
    read = _READ[asked.kind]
    try:
        if isinstance(leaf, In):
            return Q((f"{asked.column}__in", [read(value) for value in leaf.values]))
        value = read(leaf.value)
    except BadValue as error:
        expected = f"{asked.kind.value} to compare {leaf.path.names[0]} with"
        raise GrammarError(leaf.path.position, expected) from error
    if leaf.operator in _SUFFIXES:
        return Q((f"{asked.column}__{_SUFFIXES[leaf.operator]}", value))
    if asked.kind is not Kind.TEXT:
        raise GrammarError(leaf.path.position, f"a property with a text before {leaf.operator}")
    return _part(F(asked.column), leaf.operator, value)


def _tag(leaf: Leaf, column: str, key: str) -> Q:
    if isinstance(leaf, Exists):
        return Q(JsonExists(column, key))
    if isinstance(leaf, In):
        return Q(*(JsonIs(column, key, _text(value)) for value in leaf.values), _connector=Q.OR)
    if leaf.operator == "=":
        return Q(JsonIs(column, key, _text(leaf.value)))
    if leaf.operator not in LOOKUPS:
        return _part(JsonText(column, key), leaf.operator, _text(leaf.value))
    if isinstance(leaf.value, Decimal):
        return Q(known(LOOKUPS[leaf.operator](JsonNumber(column, key), leaf.value)))
    return Q(known(LOOKUPS[leaf.operator](JsonText(column, key), _text(leaf.value))))


def _part(side: Any, operator: str, value: str) -> Q:
    place = StrIndex(side, Value(value))
    return Q(known(Exact(place, 1) if operator == "^=" else GreaterThan(place, 0)))


def _text(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _day(value: Any) -> date:
    found: date = reading.day(value)
    return found


def _moment(value: Any) -> datetime:
    return reading.moment(value)


_READ: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: reading.number(reading.QUANTITY),
    Kind.DAY: _day,
    Kind.MOMENT: _moment,
}

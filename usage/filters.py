"""What the filters of accounts.grammar mean for usage events, in SQL and in Python.

Properties are `metrics.x`, `metadata.x` and `billing_info.x` with any keys below, `tags`, `model` and the
text columns. A text is compared byte by byte with texts (a JSON number or boolean by its plain text), a
number only with JSON numbers. `tags` compares when any tag does. What is absent matches nothing; `!=` is
`not =`.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django.db.models import Q, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import Exact, GreaterThan
from django.db.models.lookups import In as InList

from accounts.errors import ValidationFailed
from accounts.exact import COMPARED, number_of, property_in, text_of
from accounts.grammar import (
    EVERYTHING,
    And,
    Compare,
    Exists,
    Filter,
    GrammarError,
    In,
    Leaf,
    Not,
    Or,
    Path,
    leaves,
    parse_filter,
    parse_path,
)
from accounts.sql import LOOKUPS, ColumnText, JsonExists, JsonNumber, joined_q, known
from usage.sql import JSON_COLUMNS, MODEL_LENGTH, AnyTag, PropertyText

TEXT_COLUMNS: Final = frozenset(
    {"event_id", "user_id", "service_type", "service_provider", "event_type", "session_id", "request_id"}
)
Event = Mapping[str, Any]


def read_filter(text: str, field: str = "filter") -> Filter:
    """The filter of a text, everything when it is blank; ValidationFailed naming the place and the field."""
    if not text.strip():
        return EVERYTHING
    try:
        found = parse_filter(text)
        for part in leaves(found):
            _check(part)
    except GrammarError as error:
        told = {"field": field, "message": str(error), "position": error.position}
        raise ValidationFailed(f"{field}: {error}", errors=[told]) from error
    return found


def read_property(text: str, field: str) -> tuple[str, ...]:
    """The names of a property's path; ValidationFailed when there is no such property."""
    try:
        path = parse_path(text)
        check_path(path)
    except GrammarError as error:
        raise ValidationFailed.field(field, str(error)) from error
    return path.names


def check_path(path: Path) -> None:
    """GrammarError unless events have such a property."""
    column, *keys = path.names
    if column in JSON_COLUMNS:
        if not keys:
            raise GrammarError(path.position, f"a key after {column}, as in {column}.x")
    elif keys or column not in TEXT_COLUMNS | {"model", "tags"}:
        columns = ", ".join(sorted(TEXT_COLUMNS))
        raise GrammarError(path.position, f"metrics.x, metadata.x, billing_info.x, model, tags, {columns}")


def _check(part: Leaf) -> None:
    check_path(part.path)
    values = part.values if isinstance(part, In) else (part.value,) if isinstance(part, Compare) else ()
    if part.path.names[0] not in JSON_COLUMNS and any(isinstance(value, Decimal) for value in values):
        raise GrammarError(part.path.position, f"a quoted text to compare {part.path.names[0]} with")


def filter_q(part: Filter, columns: frozenset[str] = TEXT_COLUMNS) -> Q:
    """The filter for a queryset whose model has these text columns; the rest are expressions over events."""
    return joined_q(part, lambda leaf: _leaf(leaf, columns))


def _leaf(part: Leaf, columns: frozenset[str]) -> Q:
    column, *keys = part.path.names
    if column == "tags":
        return _tags(part)
    if isinstance(part, Exists):
        return Q(JsonExists(column, *keys)) if keys else ~Q(_text(Exact, part.path, columns, ""))
    if isinstance(part, In):
        if isinstance(part.values[0], Decimal):
            return Q(known(InList(JsonNumber(column, *keys), part.values)))
        return Q(_text(InList, part.path, columns, part.values))
    if isinstance(part.value, Decimal):
        return Q(known(LOOKUPS[part.operator](JsonNumber(column, *keys), part.value)))
    if part.operator in LOOKUPS:
        return Q(_text(LOOKUPS[part.operator], part.path, columns, part.value))
    place = StrIndex(_side(part.path, columns), Value(part.value))
    return Q(known(Exact(place, 1) if part.operator == "^=" else GreaterThan(place, 0)))


def _tags(part: Leaf) -> Q:
    if isinstance(part, Exists):
        return ~Q(tags=[])
    if isinstance(part, In):
        return Q(*(Q(AnyTag("=", str(value))) for value in part.values), _connector=Q.OR)
    return Q(AnyTag(part.operator, str(part.value)))


def _side(path: Path, columns: frozenset[str]) -> Any:
    return ColumnText(path.names[0]) if path.names[0] in columns else PropertyText(path.names)


def _text(lookup: Callable[[Any, Any], Any], path: Path, columns: frozenset[str], value: Any) -> Any:
    found = lookup(_side(path, columns), value)
    return found if path.names[0] in columns else known(found)


def filter_predicate(part: Filter) -> Callable[[Event], bool]:
    """The filter for an event with the columns as keys; what it says of an event, the queryset's says too."""
    if isinstance(part, And | Or):
        parts = [filter_predicate(inner) for inner in part.parts]
        join = all if isinstance(part, And) else any
        return lambda event: join(holds(event) for holds in parts)
    if isinstance(part, Not):
        inner = filter_predicate(part.part)
        return lambda event: not inner(event)
    if isinstance(part, Exists):
        absent: tuple[Any, ...] = (None,) if part.path.names[0] in JSON_COLUMNS else ("", [])
        return lambda event: value_in(event, part.path.names) not in absent
    if isinstance(part, In):
        return lambda event: any(_holds(event, part.path.names, "=", value) for value in part.values)
    if part.operator == "!=":
        return lambda event: not _holds(event, part.path.names, "=", part.value)
    return lambda event: _holds(event, part.path.names, part.operator, part.value)


def _holds(event: Event, names: Sequence[str], operator: str, value: str | Decimal) -> bool:
    found = value_in(event, names)
    read = number_of if isinstance(value, Decimal) else text_of
    sides = [read(item) for item in (found if names[0] == "tags" else [found])]
    return any(COMPARED[operator](side, value) for side in sides if side is not None)


def value_in(event: Event, names: Sequence[str]) -> Any:
    """The value of a property of an event with the columns as keys; None when it has none."""
    if names[0] == "model":
        texts = (text_of(event["metadata"].get(key)) for key in ("model", "tier"))
        return next((text for text in texts if text is not None), "")[:MODEL_LENGTH]
    return property_in(event, names)

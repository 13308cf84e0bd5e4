"""Rows of the database as they go over the wire, many at a time."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

from rest_framework import serializers

Reader = tuple[str, Callable[[Any], Any], Callable[[Any], Any] | None]


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


# Fields whose columns hold what is told already, and what makes text of the others.
PLAIN: Final[dict[type, Callable[[Any], Any] | None]] = {
    serializers.CharField: None,
    serializers.ChoiceField: None,
    serializers.URLField: None,
    serializers.IntegerField: None,
    serializers.FloatField: None,
    serializers.BooleanField: None,
    serializers.DictField: None,
    serializers.ListField: None,
    serializers.UUIDField: str,
    serializers.DateTimeField: _moment,
}


# Says what DRF would, which asks each field of each row what kind it is. (A docstring would be its children's
# description in the schema.)
class RowSerializer(serializers.ModelSerializer[Any]):
    def to_representation(self, instance: Any) -> dict[str, Any]:
        told = {}
        for name, read, text in self._readers:
            value = read(instance)
            told[name] = value if text is None or value is None else text(value)
        return told

    @cached_property
    def _readers(self) -> list[Reader]:
        return [self._reader(name, field) for name, field in self.fields.items() if not field.write_only]

    def _reader(self, name: str, field: Any) -> Reader:
        if isinstance(field, serializers.SerializerMethodField):
            return name, getattr(self, field.method_name), None
        if isinstance(field, serializers.PrimaryKeyRelatedField):
            return name, attrgetter(f"{field.source}_id"), None
        return name, attrgetter(field.source), PLAIN[type(field)]

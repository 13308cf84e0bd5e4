"""Fields of answers that every room has."""

from datetime import UTC, date, datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.exact import canonical


@extend_schema_field(OpenApiTypes.STR)
class Exact(serializers.Field[Any, Any, str, Any]):
    """A decimal number as text."""

    def to_representation(self, value: Any) -> str:
        return canonical(value)


@extend_schema_field(OpenApiTypes.STR)
class Month(serializers.Field[date, str, str, str]):
    """`2026-03`: a calendar month, as its first day."""

    def to_internal_value(self, data: str) -> date:
        try:
            return datetime.strptime(str(data), "%Y-%m").replace(tzinfo=UTC).date()
        except ValueError as error:
            raise serializers.ValidationError("Give a month such as 2026-03.") from error

    def to_representation(self, value: date) -> str:
        return f"{value:%Y-%m}"

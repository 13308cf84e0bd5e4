"""Fields of answers that every room has."""

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

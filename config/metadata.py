"""What OPTIONS answers."""

from typing import Any

from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request


class PlainMetadata(SimpleMetadata):
    """Name, description and media types of a view; the fields of its bodies are in the OpenAPI document."""

    def determine_actions(self, request: Request, view: Any) -> dict[str, Any]:
        return {}

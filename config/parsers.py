"""The only parser of request bodies: strict, bounded JSON (see accounts.wire)."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

from accounts.errors import PayloadTooLarge
from accounts.wire import decode


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, context: Mapping[str, Any] | None = None
    ) -> Any:
        _, parameters = parse_header_parameters(media_type or "")
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
        return decode(body, parameters.get("charset", "utf-8"))

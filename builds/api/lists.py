"""Pages as the older build service had them: `skip` and `limit`."""

from typing import Any

from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response


class SkipPagination(LimitOffsetPagination):
    default_limit = 100
    max_limit = 500
    offset_query_param = "skip"

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"items": data, "total": self.count, "skip": self.offset, "limit": self.limit})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        integer = {"type": "integer"}
        return {
            "type": "object",
            "required": ["items", "total", "skip", "limit"],
            "properties": {"items": schema, "total": integer, "skip": integer, "limit": integer},
        }

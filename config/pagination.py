"""Bounded pages: `page` and `size`, answered as the contract's {items, total, page, size}."""

from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response


class PagePagination(PageNumberPagination):
    page_size = 20
    page_size_query_param = "size"
    max_page_size = 100

    def get_paginated_response(self, data: Any) -> Response:
        assert self.page is not None  # noqa: S101  (DRF paginates before it asks for the answer)
        return Response(
            {
                "items": data,
                "total": self.page.paginator.count,
                "page": self.page.number,
                "size": self.page.paginator.per_page,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        integer = {"type": "integer"}
        return {
            "type": "object",
            "required": ["items", "total", "page", "size"],
            "properties": {"items": schema, "total": integer, "page": integer, "size": integer},
        }

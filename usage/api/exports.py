"""Events as a file."""

from datetime import datetime

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.permissions import HasScope, principal_of
from accounts.streams import streamed
from accounts.tables import FORMATS
from usage.api.events import UsageListRequest
from usage.exports import event_parts
from usage.queries.events import FILTERS, Window, matching_events
from usage.queries.watermark import watermark


class UsageExportRequest(UsageListRequest):
    limit = offset = cursor = None  # type: ignore[assignment]  # a file is not paged
    format = serializers.ChoiceField(list(FORMATS), default="csv")


class UsageExportView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(
        operation_id="usage_export",
        tags=["usage"],
        parameters=[
            OpenApiParameter("format", OpenApiTypes.STR, enum=list(FORMATS), description="Default: csv."),
            OpenApiParameter("tenant_id", OpenApiTypes.STR, description="Slug or UUID; default: the key's."),
            OpenApiParameter("start_date", OpenApiTypes.DATETIME, description="From this moment or day on."),
            OpenApiParameter(
                "end_date", OpenApiTypes.DATETIME, description="Before this moment; a bare date is included."
            ),
            *(OpenApiParameter(name, OpenApiTypes.STR) for name in FILTERS),
        ],
        responses={
            (200, known.media_type.partition(";")[0]): OpenApiTypes.BINARY for known in FORMATS.values()
        },
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All events that match as a file, newest first, of one moment. XLSX holds 1,048,575 of them."""
        asked = UsageExportRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        tenant = principal_of(request).home
        window = Window(query.get("start_date"), query.get("end_date"))
        mark = watermark()
        filters = {name: query[name] for name in FILTERS if name in query}
        events = matching_events(tenant=tenant, window=window, filters=filters)
        parts = event_parts(query["format"], events, tenant.slug)
        headers = {"X-Pending": str(mark.pending)} if mark.pending is not None else {}
        if mark.complete_through is not None:
            headers["X-Complete-Through"] = mark.complete_through.isoformat()
        name = f"usage-{tenant.slug}-{_named(window.start)}-{_named(window.end)}.{query['format']}"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return streamed(
            request._request, parts, content_type=FORMATS[query["format"]].media_type, headers=headers
        )


def _named(end: datetime | None) -> str:
    """An end of the window as a part of a file's name."""
    return f"{end:%Y%m%dT%H%M%SZ}" if end else "open"

"""Costs and resources as files."""

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import tables
from accounts.permissions import principal_of
from accounts.principals import SHARED
from accounts.streams import Parts, streamed
from inventory import focus_export
from inventory.api.fields import FILTER_HELP, VIEW_HELP, currency_field
from inventory.api.lines import CostLinesQuery, asked_lines
from inventory.api.resources import ResourceFilter
from inventory.exports import Table, lines_table, resources_table
from inventory.models import Resource
from inventory.queries.rates import Rates
from inventory.queries.spans import Span

FOCUS: str = "focus-"
FOCUS_FORMATS = {f"{FOCUS}{version}": version for version in focus_export.ADDED}
BINARIES: Any = {
    (200, known.media_type.partition(";")[0]): OpenApiTypes.BINARY for known in tables.FORMATS.values()
}


class CostExportQuery(CostLinesQuery):
    format = serializers.ChoiceField(
        [*FOCUS_FORMATS, *tables.FORMATS],
        default=f"{FOCUS}{focus_export.DEFAULT}",
        help_text="FOCUS is CSV whose texts are as they were told; the others have our own columns, with"
        " their import and row, and no cell that a spreadsheet would run.",
    )
    reporting_currency = currency_field(
        required=False,
        default=None,
        help_text="Of FOCUS: adds x_ReportingCost, the billed cost converted by /exchange-rates, or empty.",
    )


class ResourceExportQuery(serializers.Serializer[Any]):
    provider = serializers.CharField(max_length=32, required=False)
    region = serializers.CharField(max_length=255, required=False)
    state = serializers.CharField(max_length=63, required=False)
    resource_type = serializers.CharField(max_length=255, required=False)
    cloud_account_id = serializers.UUIDField(required=False)
    filter = serializers.CharField(max_length=2000, required=False, help_text=FILTER_HELP)
    view = serializers.CharField(max_length=255, required=False, help_text=VIEW_HELP)
    format = serializers.ChoiceField(list(tables.FORMATS), default="csv")


class CostExportView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="costs_export",
        parameters=[CostExportQuery, OpenApiParameter("tenant_id", OpenApiTypes.STR)],
        responses=BINARIES,
        tags=["costs"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All lines that match as a file, the newest first, of one moment; by default FOCUS 1.2."""
        asked = asked_lines(request, CostExportQuery)
        format, currency = asked.query["format"], asked.query["reporting_currency"]
        if format not in FOCUS_FORMATS:
            return file_answer(request, lines_table(asked.lines), format, "costs", asked.span)
        rates = Rates(asked.tenant, currency) if currency else None
        parts = focus_export.focus_parts(asked.lines, FOCUS_FORMATS[format], rates)
        return _answer(request, parts, "csv", f"{format}-{asked.tenant.slug}", asked.span)


class ResourceExportView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="resources_export",
        parameters=[ResourceExportQuery, OpenApiParameter("tenant_id", OpenApiTypes.STR)],
        responses=BINARIES,
        tags=["resources"],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """All resources that match as a file, the newest first, of one moment."""
        asked = ResourceExportQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        mine = Resource.objects.for_tenant(principal_of(request).home)
        found = ResourceFilter(request.query_params, queryset=mine, request=request).qs
        return file_answer(request, resources_table(found), asked.validated_data["format"], "resources")


def file_answer(
    request: Request, table: Table, format: str, name: str, span: Span | None = None
) -> StreamingHttpResponse:
    """A table as a file in one of the formats. Errors: 400 more rows than a sheet of XLSX has."""
    most = tables.XLSX_MAX_ROWS
    if format == "xlsx" and table.total is not None and table.total() > most:
        raise tables.too_many_rows()
    parts = tables.FORMATS[format].parts(table.title, table.columns, table.rows)
    return _answer(request, parts, format, f"{name}-{principal_of(request).home.slug}", span)


def _answer(
    request: Request, parts: Parts, format: str, name: str, span: Span | None
) -> StreamingHttpResponse:
    days = "".join(f"-{day or 'open'}" for day in span or ())
    headers = {"Content-Disposition": f'attachment; filename="{name}{days}.{format}"'}
    return streamed(request._request, parts, content_type=tables.FORMATS[format].media_type, headers=headers)

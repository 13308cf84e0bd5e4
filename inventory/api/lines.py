"""Which lines of bills a report is about: the parameters of the list, and a period."""

from typing import Any, NamedTuple

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import Tenant
from accounts.permissions import principal_of
from inventory.api.costs import CostLineFilter
from inventory.api.fields import FILTER_HELP, VIEW_HELP, currency_field
from inventory.models import CostLine
from inventory.queries.costs import lines_between
from inventory.queries.spans import Span, span_of


class CostLinesQuery(serializers.Serializer[Any]):
    start = serializers.DateField(required=False, default=None, help_text="The first day (UTC).")
    end = serializers.DateField(required=False, default=None, help_text="The day after the last.")
    period = serializers.CharField(
        max_length=10, default="all", help_text="Instead of start and end: as of /costs/summary."
    )
    provider = serializers.CharField(max_length=32, required=False)
    service_name = serializers.CharField(max_length=255, required=False)
    region = serializers.CharField(max_length=255, required=False)
    currency = currency_field(required=False, help_text="Of the lines.")
    import_id = serializers.UUIDField(required=False)
    filter = serializers.CharField(max_length=2000, required=False, help_text=FILTER_HELP)
    view = serializers.CharField(max_length=255, required=False, help_text=VIEW_HELP)


class Asked(NamedTuple):
    tenant: Tenant
    span: Span
    lines: QuerySet[CostLine]
    query: dict[str, Any]


def asked_lines(request: Request, serializer: type[CostLinesQuery]) -> Asked:
    """What a request asks for, or 400 with everything that is wrong."""
    asked = serializer(data=request.query_params)
    asked.is_valid(raise_exception=True)
    query = asked.validated_data
    tenant = principal_of(request).home
    span = Span(query["start"], query["end"])
    if span == (None, None):
        span = span_of(tenant, query["period"])
    lines = CostLineFilter(request.query_params, queryset=lines_between(tenant, span), request=request).qs
    return Asked(tenant, span, lines, query)

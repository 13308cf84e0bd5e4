"""Lines of bills, and what they add up to."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import TenantViewSet
from accounts.api.fields import Exact
from accounts.permissions import principal_of
from accounts.principals import SHARED
from inventory.api.fields import FILTER_HELP, VIEW_HELP, tags_field
from inventory.filters import filter_q, read_filter
from inventory.models import Charge, CostLine, SavedView
from inventory.queries.costs import Summary, cost_summary
from inventory.queries.dimensions import UNALLOCATED
from inventory.queries.owners import cost_properties
from inventory.queries.views import saved_view
from inventory.rows import CHARGE_FIELDS

CHARGED = tuple(name for name in CHARGE_FIELDS if name not in {"tags", "other"})


class ChargeResponse(serializers.ModelSerializer[Charge]):
    """What a line is for; its fields stand beside the line's own."""

    cloud_account_id = serializers.UUIDField(allow_null=True)
    tags = tags_field()

    class Meta:
        model = Charge
        fields = ("cloud_account_id", *CHARGED, "tags")


class CostLineResponse(serializers.ModelSerializer[CostLine]):
    organization_id = serializers.UUIDField(source="tenant_id")
    day = serializers.DateField(source="cost_day.day", help_text="On which the charge begins (UTC).")
    source = serializers.CharField(source="cost_day.source")  # type: ignore[assignment]
    import_id = serializers.UUIDField(source="source_import_id")
    row_number = serializers.IntegerField(help_text="In the file or call of the import, from 1.")
    charge = ChargeResponse()
    billed_cost = Exact()
    effective_cost = Exact()
    list_cost = Exact(allow_null=True)
    contracted_cost = Exact(allow_null=True)
    pricing_quantity = Exact(allow_null=True)
    consumed_quantity = Exact(allow_null=True)
    list_unit_price = Exact(allow_null=True)
    contracted_unit_price = Exact(allow_null=True)
    commitment_discount_quantity = Exact(allow_null=True)

    class Meta:
        model = CostLine
        fields = (
            "id", "organization_id", "day", "charge_start", "charge_end", "currency", "billed_cost",
            "effective_cost", "list_cost", "contracted_cost", "pricing_quantity", "consumed_quantity",
            "list_unit_price", "contracted_unit_price", "commitment_discount_quantity", "invoice_id",
            "source", "import_id", "row_number", "charge",
        )  # fmt: skip


class CostLineFilter(django_filters.FilterSet):
    request: Request

    start = django_filters.DateFilter("cost_day__day", "gte", help_text="The first day.")
    end = django_filters.DateFilter("cost_day__day", "lt", help_text="The day after the last.")
    provider = django_filters.CharFilter("charge__provider", max_length=32)
    service_name = django_filters.CharFilter("charge__service_name", max_length=255)
    region = django_filters.CharFilter("charge__region", max_length=255)
    currency = django_filters.CharFilter(max_length=3)
    import_id = django_filters.UUIDFilter("cost_day__source_import_id")
    filter = django_filters.CharFilter(max_length=2000, method="by_filter", help_text=FILTER_HELP)
    view = django_filters.CharFilter(max_length=255, method="by_view", help_text=VIEW_HELP)

    class Meta:
        model = CostLine
        fields: tuple[str, ...] = ("currency",)

    def by_filter(self, rows: QuerySet[CostLine], name: str, value: str) -> QuerySet[CostLine]:
        known = cost_properties(principal_of(self.request).home)
        return rows.filter(filter_q(read_filter(value, known), known))

    def by_view(self, rows: QuerySet[CostLine], name: str, value: str) -> QuerySet[CostLine]:
        view = saved_view(principal_of(self.request).home, SavedView.Kind.COSTS, value)
        return self.by_filter(rows, name, view.filter)


@extend_schema_view(
    list=extend_schema(
        operation_id="costs_list",
        description="Lines of the tenant's bills that count, the newest first.",
        responses=CostLineResponse(many=True),
        tags=["costs"],
    ),
    retrieve=extend_schema(
        operation_id="costs_retrieve", description="One line.", responses=CostLineResponse, tags=["costs"]
    ),
)
class CostLineViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[CostLine]):
    """Lines of bills, each with the import and row that it came from."""

    queryset = CostLine.objects.live().select_related("charge", "cost_day")
    serializer_class = CostLineResponse
    filterset_class = CostLineFilter
    lookup_value_converter = "uuid"
    required_scope = SHARED


class CostSummaryQuery(serializers.Serializer[Any]):
    period = serializers.CharField(
        max_length=10,
        default="monthly",
        help_text="daily, monthly or yearly: the latest that has costs; 2026, 2026-03 or 2026-03-10; or all.",
    )
    currency = serializers.RegexField(
        r"^[A-Z]{3}$", required=False, default=None, help_text="Default: the tenant's, or else the first one."
    )


def _sums(**kwargs: Any) -> Any:
    return serializers.DictField(child=Exact(), **kwargs)


class CostSummaryResponse(serializers.Serializer[Any]):
    total_cost = Exact(source="total", help_text="Billed cost, of `currency` alone.")
    by_provider = _sums(source="parts.provider", help_text="Adds up to total_cost, as the next two do.")
    by_region = _sums(source="parts.region", help_text=f"`{UNALLOCATED}`: costs that name no region.")
    by_service = _sums(source="parts.service")
    period = serializers.CharField()
    start = serializers.DateField(source="span.start", allow_null=True, help_text="The first day; null: all.")
    end = serializers.DateField(source="span.end", allow_null=True, help_text="The day after the last.")
    currency = serializers.CharField()
    totals = _sums(help_text="The total of each currency; they are never added up.")


class CostSummaryView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="costs_summary",
        parameters=[CostSummaryQuery, OpenApiParameter("tenant_id", OpenApiTypes.STR)],
        responses=CostSummaryResponse,
        tags=["costs"],
    )
    def get(self, request: Request) -> Response:
        """What a period cost, by provider, region and service, in one currency."""
        asked = CostSummaryQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        summary: Summary = cost_summary(tenant=principal_of(request).home, **asked.validated_data)
        body = {**summary._asdict(), "period": asked.validated_data["period"]}
        return Response(CostSummaryResponse(body).data)

"""What costs are made of."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.fields import Exact
from accounts.principals import SHARED
from accounts.tables import FORMATS
from inventory.api.exports import file_answer
from inventory.api.fields import currency_field
from inventory.api.lines import Asked, CostLinesQuery, asked_lines
from inventory.exports import analytics_table
from inventory.models import SavedView
from inventory.queries.analytics import Analytics, Part, cost_analytics, savings_of
from inventory.queries.dimensions import UNALLOCATED, Dimension, read_dimensions
from inventory.queries.sums import COSTS as KINDS
from inventory.queries.views import saved_view

GROUP_HELP = (
    "Any number of these, parted by commas: month, day, folder, product, provider, account, service, region,"
    " resource, charge_category, resource_type, service_category, sub_account_id, sku_id and all other texts"
    f" of a charge, and tags such as `tag:env`. What has none of one is `{UNALLOCATED}`."
)


class CostAnalyticsQuery(CostLinesQuery):
    group_by = serializers.CharField(
        max_length=2000, required=False, default="", allow_blank=True, help_text=GROUP_HELP
    )
    reporting_currency = currency_field(
        required=False,
        default=None,
        help_text="All is converted into it by /exchange-rates. Without it each currency stays by itself.",
    )
    cost = serializers.ChoiceField(KINDS, default="effective", help_text="By which parts are ranked.")
    limit = serializers.IntegerField(
        min_value=1, max_value=10_000, default=1000, help_text="Parts; all others are in `rest`."
    )
    format = serializers.ChoiceField(["json", *FORMATS], default="json")


class SavingsResponse(serializers.Serializer[Any]):
    negotiated = Exact(help_text="List less contracted cost.")
    commitment = Exact(help_text="Contracted less effective cost.")
    total = Exact(help_text="Both; a cost that nobody told counts as no saving.")
    rate = Exact(allow_null=True, help_text="The share of the list cost; null when that is 0.")


class CostAmountsResponse(serializers.Serializer[Any]):
    currency = serializers.CharField()
    lines = serializers.IntegerField(source="sums.lines")
    billed_cost = Exact(source="sums.billed")
    effective_cost = Exact(source="sums.effective")
    list_cost = Exact(source="sums.list", allow_null=True, help_text="Of the lines that tell it; else null.")
    contracted_cost = Exact(source="sums.contracted", allow_null=True, help_text="As list_cost.")
    savings = serializers.SerializerMethodField("savings_of_part")

    def savings_of_part(self, part: Part) -> SavingsResponse:
        return SavingsResponse(savings_of(part.sums)).data  # type: ignore[return-value]  # typed for the schema


class CostPartResponse(CostAmountsResponse):
    group = serializers.SerializerMethodField("group_of_part", help_text="Dimension → text.")

    def group_of_part(self, part: Part) -> dict[str, str]:
        names = [dimension.name for dimension in self.context["dimensions"]]
        return dict(zip(names, part.group, strict=True))


class CostRestResponse(CostAmountsResponse):
    groups = serializers.IntegerField(help_text="How many groups these are.")


class RateUsedResponse(serializers.Serializer[Any]):
    currency = serializers.CharField()
    valid_from = serializers.DateField()
    rate = Exact()


class CostAnalyticsResponse(serializers.Serializer[Any]):
    group_by = serializers.ListField(child=serializers.CharField())
    start = serializers.DateField(allow_null=True, help_text="The first day; null: all.")
    end = serializers.DateField(allow_null=True, help_text="The day after the last.")
    reporting_currency = serializers.CharField(allow_null=True)
    items = CostPartResponse(many=True, help_text="By currency and time, then the highest cost first.")
    rest = CostRestResponse(many=True, help_text="By currency: the groups beyond `limit`.")
    totals = CostAmountsResponse(many=True, help_text="By currency: exactly the sum of items and rest.")
    incomplete_days = serializers.ListField(
        child=serializers.DateField(), help_text="Days that are not over or not told to the end."
    )
    complete_through = serializers.DateField(allow_null=True, help_text="The last complete day there is.")
    rates = RateUsedResponse(many=True, help_text="What was converted, and by which rates.")
    missing_rates = serializers.ListField(
        child=serializers.CharField(), help_text="Currencies that stayed as they are on days without a rate."
    )


def analytics_body(found: Analytics, asked: Asked, dimensions: list[Dimension]) -> dict[str, Any]:
    used = found.rates.used if found.rates else {}
    keys = ("currency", "valid_from", "rate")
    return {
        "group_by": [dimension.name for dimension in dimensions],
        **asked.span._asdict(),
        "reporting_currency": asked.query["reporting_currency"],
        "items": found.parts,
        "rest": found.rest,
        "totals": found.totals,
        "incomplete_days": found.completeness.incomplete,
        "complete_through": found.completeness.through,
        "rates": [dict(zip(keys, (*pair, rate), strict=True)) for pair, rate in sorted(used.items())],
        "missing_rates": sorted(found.rates.missing) if found.rates else [],
    }


class CostAnalyticsView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="costs_analytics",
        parameters=[CostAnalyticsQuery, OpenApiParameter("tenant_id", OpenApiTypes.STR)],
        responses={
            (200, "application/json"): CostAnalyticsResponse,
            **{(200, known.media_type.partition(";")[0]): OpenApiTypes.BINARY for known in FORMATS.values()},
        },
        tags=["costs"],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Billed, effective, list and contracted cost and savings by any dimensions, parts of a whole.

        As a file it has every group, whatever the limit.
        """
        asked = asked_lines(request, CostAnalyticsQuery)
        query = asked.query
        names = request.query_params.getlist("group_by")
        if "view" in query and not names:
            names = [saved_view(asked.tenant, SavedView.Kind.COSTS, query["view"]).group_by]
        dimensions = read_dimensions(names)
        found = cost_analytics(
            tenant=asked.tenant,
            lines=asked.lines,
            span=asked.span,
            dimensions=dimensions,
            currency=query["reporting_currency"],
            cost=query["cost"],
            limit=query["limit"] if query["format"] == "json" else None,
        )
        if query["format"] != "json":
            return file_answer(
                request, analytics_table(dimensions, found), query["format"], "cost-analytics", asked.span
            )
        body = analytics_body(found, asked, dimensions)
        return Response(CostAnalyticsResponse(body, context={"dimensions": dimensions}).data)

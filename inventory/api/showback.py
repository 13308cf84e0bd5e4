"""What each product and folder costs, with its part of what is shared."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.fields import Exact
from accounts.permissions import principal_of
from accounts.principals import SHARED
from accounts.tables import FORMATS
from inventory.api.exports import BINARIES, file_answer
from inventory.api.fields import currency_field
from inventory.exports import showback_table
from inventory.queries.showback import showback
from inventory.queries.spans import Span, span_of
from inventory.queries.sums import COSTS


class ShowbackQuery(serializers.Serializer[Any]):
    start = serializers.DateField(required=False, default=None, help_text="The first day (UTC).")
    end = serializers.DateField(required=False, default=None, help_text="The day after the last.")
    period = serializers.CharField(
        max_length=10, default="monthly", help_text="Instead of start and end: as of /costs/summary."
    )
    cost = serializers.ChoiceField(COSTS, default="effective")
    reporting_currency = currency_field(
        required=False, default=None, help_text="All is converted into it by /exchange-rates."
    )
    format = serializers.ChoiceField(["json", *FORMATS], default="json")


class ShowbackRowResponse(serializers.Serializer[Any]):
    folder_id = serializers.UUIDField()
    folder = serializers.CharField(help_text="Its path.")
    product_id = serializers.UUIDField(allow_null=True, help_text="Null: the folder as such.")
    product = serializers.CharField(help_text="Its path, or empty.")
    currency = serializers.CharField()
    direct = Exact(help_text="What it owns or one rule gives it alone.")
    shared = Exact(help_text="Its part of what rules split.")
    total = Exact()


class AllocationTakenResponse(serializers.Serializer[Any]):
    rule_id = serializers.UUIDField(source="rule.pk")
    name = serializers.CharField(source="rule.name")
    currency = serializers.CharField()
    amount = Exact()


class ShowbackResponse(serializers.Serializer[Any]):
    start = serializers.DateField(source="span.start", allow_null=True, help_text="The first day; null: all.")
    end = serializers.DateField(source="span.end", allow_null=True, help_text="The day after the last.")
    cost = serializers.CharField()
    items = ShowbackRowResponse(source="rows", many=True, help_text="By path and currency.")
    unallocated = serializers.DictField(child=Exact(), help_text="By currency: what is nobody's.")
    totals = serializers.DictField(
        child=Exact(), help_text="By currency: exactly the sum of items and unallocated, and of all lines."
    )
    rules = AllocationTakenResponse(source="taken", many=True, help_text="What each rule took.")
    missing_rates = serializers.ListField(
        child=serializers.CharField(), help_text="Currencies that stayed as they are on days without a rate."
    )


class ShowbackView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="costs_showback",
        parameters=[ShowbackQuery, OpenApiParameter("tenant_id", OpenApiTypes.STR)],
        responses={(200, "application/json"): ShowbackResponse, **BINARIES},
        tags=["folders"],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """What products and folders cost in a period, shared costs allocated, to the last digit.

        Guests see the rows of their folders alone.
        """
        asked = ShowbackQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query, by = asked.validated_data, principal_of(request)
        span = Span(query["start"], query["end"])
        if span == (None, None):
            span = span_of(by.home, query["period"])
        found = showback(by=by, span=span, cost=query["cost"], currency=query["reporting_currency"])
        if query["format"] != "json":
            return file_answer(request, showback_table(found), query["format"], "showback", span)
        body = {**found._asdict(), "span": span, "cost": query["cost"]}
        return Response(ShowbackResponse(body).data)

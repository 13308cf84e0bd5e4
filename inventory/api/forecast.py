"""What costs may become."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.fields import Exact, Month
from accounts.principals import SHARED
from inventory.api.fields import currency_field
from inventory.api.lines import CostLinesQuery, asked_lines
from inventory.queries.daily import daily_costs
from inventory.queries.forecast import cost_forecast
from inventory.queries.sums import COSTS


class CostForecastQuery(CostLinesQuery):
    days = serializers.IntegerField(min_value=1, max_value=365, default=30)
    cost = serializers.ChoiceField(COSTS, default="effective")
    reporting_currency = currency_field(
        required=False,
        default=None,
        help_text="All is converted into it. Without it: the tenant's currency, or the first one.",
    )


class EstimateResponse(serializers.Serializer[Any]):
    amount = Exact()
    low = Exact(help_text="Four of five such amounts lie between low and high.")
    high = Exact()


class DayEstimateResponse(EstimateResponse):
    day = serializers.DateField()


class MonthEstimateResponse(serializers.Serializer[Any]):
    month = Month()
    actual = Exact(help_text="Of its complete days.")
    total = EstimateResponse(help_text="Actual and forecast of the rest.")


class AccuracyResponse(serializers.Serializer[Any]):
    method_errors = serializers.DictField(
        source="errors",
        child=Exact(),
        help_text="By method: the mean absolute error of forecasts of past days, as a share of what was"
        " spent. The least wins. Empty when there are fewer than 28 days.",
    )
    coverage = Exact(allow_null=True, help_text="The share of past days that lay between low and high.")


class CostForecastResponse(serializers.Serializer[Any]):
    currency = serializers.CharField()
    cost = serializers.CharField()
    complete_through = serializers.DateField(allow_null=True, help_text="The last day that was looked at.")
    history_days = serializers.IntegerField()
    method = serializers.CharField(
        allow_null=True, help_text="run_rate, weekday_median or holt_winters; null without history."
    )
    confidence = serializers.ChoiceField(["low", "normal"])
    days = DayEstimateResponse(many=True)
    total = EstimateResponse(allow_null=True, help_text="Of these days.")
    month = MonthEstimateResponse(allow_null=True, help_text="The month in which they begin.")
    accuracy = AccuracyResponse()
    missing_rates = serializers.ListField(
        child=serializers.CharField(), help_text="Currencies that could not be converted and do not count."
    )


class CostForecastView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="costs_forecast",
        parameters=[CostForecastQuery, OpenApiParameter("tenant_id", OpenApiTypes.STR)],
        responses=CostForecastResponse,
        tags=["costs"],
    )
    def get(self, request: Request) -> Response:
        """The days after the last complete one, by the method that would have forecast the past best."""
        asked = asked_lines(request, CostForecastQuery)
        query = asked.query
        chosen = {name: query[name] for name in ("cost", "reporting_currency")}
        daily = daily_costs(tenant=asked.tenant, lines=asked.lines, **chosen)
        found = cost_forecast(daily, query["days"])
        days = [{"day": day, **estimate._asdict()} for day, estimate in found.days] if found else []
        body = {
            "currency": daily.currency,
            "cost": query["cost"],
            "complete_through": daily.through,
            "history_days": found.history_days if found else 0,
            "method": found and found.method,
            "confidence": found.confidence if found else "low",
            "days": days,
            "total": found and found.total,
            "month": found and found.month,
            "accuracy": {
                "errors": found.errors if found else {},
                "coverage": found and found.coverage,
            },
            "missing_rates": daily.left_out,
        }
        return Response(CostForecastResponse(body).data)

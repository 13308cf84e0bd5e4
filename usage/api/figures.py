"""Figures and the events behind them, as the API answers them."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from accounts.exact import canonical
from usage.api.documents import UsageEventResponse
from usage.models import Meter

PAGE = (
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 1000, default 100."),
    OpenApiParameter("cursor", OpenApiTypes.STR, description="`next_cursor` of the page before."),
)


@extend_schema_field(OpenApiTypes.STR)
class ExactField(serializers.Field[Any, Any, Any, Any]):
    """A number as a decimal string, and a text as it is."""

    def to_representation(self, value: Any) -> Any:
        return canonical(Decimal(value)) if isinstance(value, int | Decimal) else value


class PageRequest(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    cursor = serializers.CharField(max_length=255, default=None)


class MeasureResponse(serializers.Serializer[Any]):
    n = serializers.IntegerField(help_text="In how many of the events the metric is a number.")
    sum = ExactField()
    min = ExactField()
    max = ExactField()


class FigureResponse(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    costs = serializers.DictField(child=ExactField(), help_text="Currency → decimal string.")
    metrics = serializers.DictField(child=MeasureResponse(), help_text="The metric that was asked for.")


class FigurePartResponse(serializers.Serializer[Any]):
    source = serializers.CharField(  # type: ignore[assignment]  # of the part, not of the serializer
        help_text="day, hour (sums made before) or raw (the events)."
    )
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    figure = FigureResponse()


class ExplainedEventResponse(UsageEventResponse):
    value = serializers.SerializerMethodField(
        help_text="What the figure found in it, a decimal string or text; null: nothing."
    )

    class Meta(UsageEventResponse.Meta):
        fields = [*UsageEventResponse.Meta.fields, "value"]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_value(self, event: Any) -> Any:
        return ExactField().to_representation(getattr(event, "it", None))


class EventsBehindResponse(serializers.Serializer[Any]):
    """What every explanation ends with."""

    agrees = serializers.BooleanField(
        allow_null=True, help_text="They are equal to the last digit; null: not made once more."
    )
    not_recounted = serializers.CharField(help_text="Why the events were not added up; empty when they were.")
    events = ExplainedEventResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    complete_through = serializers.DateTimeField(allow_null=True, source="watermark.complete_through")
    pending = serializers.IntegerField(allow_null=True, source="watermark.pending")


class ExplainResponse(EventsBehindResponse):
    figure = FigureResponse(help_text="As the figures are made.")
    parts = FigurePartResponse(many=True)
    listed = FigureResponse(allow_null=True, help_text="The events themselves, added up once more.")


class MeterExplainResponse(EventsBehindResponse):
    meter = serializers.CharField()
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices)
    unit = serializers.CharField(allow_blank=True)
    timezone = serializers.CharField()
    to = serializers.DateTimeField()
    group = serializers.DictField(child=serializers.CharField(allow_null=True))
    value = ExactField(allow_null=True, help_text="As the meter's query answers it.")
    source = serializers.ChoiceField(["rollup", "raw"])  # type: ignore[assignment]  # a field of that name
    recounted = ExactField(allow_null=True, help_text="Made of the events themselves once more.")

    def get_fields(self) -> Any:
        return {"from": serializers.DateTimeField(), **super().get_fields()}

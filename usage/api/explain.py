"""Explain: a figure by its events, and an event by its figures."""

from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.exact import canonical
from accounts.permissions import HasScope, principal_of
from usage.api.documents import DayOrMoment, UsageEventResponse
from usage.dimensions import DIMENSIONS
from usage.queries.event_figures import event_figures
from usage.queries.explain import figure_explain


@extend_schema_field(OpenApiTypes.STR)
class ExactField(serializers.Field[Any, Any, Any, Any]):
    """A number as a decimal string, and a text as it is."""

    def to_representation(self, value: Any) -> Any:
        return canonical(Decimal(value)) if isinstance(value, int | Decimal) else value


class FigureResponse(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    costs = serializers.DictField(child=ExactField(), help_text="Currency → decimal string.")


class FigurePartResponse(serializers.Serializer[Any]):
    source = serializers.CharField(  # type: ignore[assignment]  # of the part, not of the serializer
        help_text="day, hour (sums made before) or raw (the events)."
    )
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    figure = FigureResponse()


class ExplainRequest(serializers.Serializer[Any]):
    start_date = DayOrMoment()
    end_date = DayOrMoment(end=True)
    service_type = serializers.CharField(max_length=50, required=False)
    service_provider = serializers.CharField(max_length=255, required=False)
    event_type = serializers.CharField(max_length=255, required=False)
    user_id = serializers.CharField(max_length=255, required=False)
    model = serializers.CharField(max_length=255, required=False, allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    cursor = serializers.CharField(max_length=255, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["start_date"] >= attrs["end_date"]:
            raise ValidationError({"end_date": ["It must be after start_date."]})
        return attrs


class ExplainResponse(serializers.Serializer[Any]):
    figure = FigureResponse(help_text="As the figures are made.")
    parts = FigurePartResponse(many=True)
    listed = FigureResponse(help_text="The events themselves, added up once more.")
    agrees = serializers.BooleanField(help_text="They are equal to the last digit.")
    events = UsageEventResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    complete_through = serializers.DateTimeField(allow_null=True, source="watermark.complete_through")
    pending = serializers.IntegerField(allow_null=True, source="watermark.pending")


class UsageExplainView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(
        operation_id="usage_explain",
        tags=["usage"],
        parameters=[
            OpenApiParameter("tenant_id", OpenApiTypes.STR, description="Slug or UUID; default: the key's."),
            OpenApiParameter("start_date", OpenApiTypes.DATETIME, required=True),
            OpenApiParameter(
                "end_date", OpenApiTypes.DATETIME, required=True, description="Before; a date is included."
            ),
            *(OpenApiParameter(name, OpenApiTypes.STR) for name in DIMENSIONS),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 1000, default 100."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="`next_cursor` of the page before."),
        ],
        responses={200: ExplainResponse},
    )
    def get(self, request: Request) -> Response:
        """How a figure came about, for a window and a group's values, and the events that made it."""
        asked = ExplainRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        tenant = principal_of(request).home
        found = figure_explain(
            tenant=tenant,
            start=query["start_date"],
            end=query["end_date"],
            group={name: query[name] for name in DIMENSIONS if name in query},
            limit=query["limit"],
            cursor=query["cursor"],
        )
        return Response(ExplainResponse(found, context={"tenant": tenant}).data)


class EventSumResponse(serializers.Serializer[Any]):
    level = serializers.CharField(help_text="hour or day.")
    start = serializers.DateTimeField()
    is_dirty = serializers.BooleanField(help_text="It is being made again; figures read the events.")
    count = serializers.IntegerField(allow_null=True)
    costs = serializers.DictField(child=ExactField(), allow_null=True)


class EventMeterResponse(serializers.Serializer[Any]):
    meter = serializers.CharField()
    aggregation = serializers.CharField()
    value = ExactField(help_text="What the event gives: a decimal string, or the text that is counted.")


class EventPriceResponse(serializers.Serializer[Any]):
    rule_id = serializers.CharField()
    unit = serializers.CharField()
    quantity = ExactField()
    currency = serializers.CharField()


class EventStatementResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    month = serializers.DateField()
    closed_at = serializers.DateTimeField()


class EventExplainResponse(serializers.Serializer[Any]):
    event_id = serializers.CharField(source="disposition.event_id")
    counts = serializers.SerializerMethodField()
    why_not = serializers.CharField(help_text="Why it counts nowhere; empty when it counts.")
    sums = EventSumResponse(many=True)
    meters = EventMeterResponse(many=True)
    prices = EventPriceResponse(many=True, help_text="The rules that price it.")
    statement = EventStatementResponse(allow_null=True, help_text="The closed month that it lies in.")

    def get_counts(self, found: Any) -> bool:
        return not found.why_not


class EventExplainView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(operation_id="events_explain", tags=["usage"], responses={200: EventExplainResponse})
    def get(self, request: Request, event_id: str) -> Response:
        """The figures that an event is in: sums, meters, prices and statement, or why it is in none."""
        found = event_figures(tenant=principal_of(request).home, event_id=event_id)
        return Response(EventExplainResponse(found).data)

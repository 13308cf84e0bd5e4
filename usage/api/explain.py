"""Explain: a figure by its events, and an event by its figures."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import HasScope, principal_of
from usage.api.documents import DayOrMoment
from usage.api.figures import PAGE, ExactField, ExplainResponse, PageRequest
from usage.dimensions import DIMENSIONS
from usage.queries.event_figures import event_figures
from usage.queries.explain import Figure, figure_explain

SERVICE: Final = ("service_type", "service_provider", "model")


class ExplainRequest(PageRequest):
    start_date = DayOrMoment()
    end_date = DayOrMoment(end=True)
    service_type = serializers.CharField(max_length=50, required=False)
    service_provider = serializers.CharField(max_length=255, required=False)
    event_type = serializers.CharField(max_length=255, required=False)
    user_id = serializers.CharField(max_length=255, required=False)
    model = serializers.CharField(max_length=255, required=False, allow_blank=True)
    metric = serializers.CharField(max_length=255, default=None)
    as_of = DayOrMoment(default=None)
    rule_id = serializers.CharField(max_length=36, default=None, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["start_date"] >= attrs["end_date"]:
            raise ValidationError({"end_date": ["It must be after start_date."]})
        if attrs["rule_id"] is not None and not attrs.keys() >= set(SERVICE):
            raise ValidationError({"rule_id": [f"Give {', '.join(SERVICE)} with it."]})
        return attrs


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
            OpenApiParameter(
                "metric", OpenApiTypes.STR, description="Its n, sum, least and greatest, and each event's."
            ),
            OpenApiParameter(
                "as_of", OpenApiTypes.DATETIME, description="The events that counted then; default: now."
            ),
            OpenApiParameter(
                "rule_id", OpenApiTypes.STR,
                description="What this price rule bills of the service type, provider and model in one month;"
                " blank: what no rule does.",
            ),
            *PAGE,
        ],
        responses={200: ExplainResponse},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """How a figure came about, for a window and a group's values, and the events that made it."""
        read = ExplainRequest(data=request.query_params)
        read.is_valid(raise_exception=True)
        query = read.validated_data
        tenant = principal_of(request).home
        asked = Figure(
            tenant=tenant,
            start=query["start_date"],
            end=query["end_date"],
            group={name: query[name] for name in DIMENSIONS if name in query},
            metric=query["metric"],
            as_of=query["as_of"],
            rule_id=query["rule_id"],
        )
        found = figure_explain(asked=asked, limit=query["limit"], cursor=query["cursor"])
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


class EventLineResponse(serializers.Serializer[Any]):
    statement_id = serializers.UUIDField(source="statement.pk")
    statement = serializers.IntegerField(source="statement.number", help_text="Its number.")
    adjustment = serializers.SerializerMethodField(help_text="Its number; null: the statement's own line.")
    position = serializers.IntegerField(source="line.position")
    rule_id = serializers.CharField(source="line.rule_id")
    unit = serializers.CharField(source="line.unit")
    quantity = ExactField(
        allow_null=True,
        help_text="What the event is of the line's; below zero: taken away again; null: only its cost is.",
    )
    amount = serializers.CharField(source="line.amount", help_text="The whole line's.")
    currency = serializers.CharField(source="line.currency")
    revision = serializers.IntegerField(help_text="The event's, as it was billed.")

    def get_adjustment(self, found: Any) -> int | None:
        return found.adjustment.number if found.adjustment else None


class EventExplainResponse(serializers.Serializer[Any]):
    event_id = serializers.CharField(source="disposition.event_id")
    counts = serializers.SerializerMethodField()
    why_not = serializers.CharField(help_text="Why it counts nowhere; empty when it counts.")
    sums = EventSumResponse(many=True)
    meters = EventMeterResponse(many=True)
    prices = EventPriceResponse(many=True, help_text="The rules that price it.")
    statement = EventStatementResponse(allow_null=True, help_text="The closed month that it lies in.")
    lines = EventLineResponse(
        many=True, help_text="Of closed months and their adjustments, also when it counts no more."
    )

    def get_counts(self, found: Any) -> bool:
        return not found.why_not


class EventExplainView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(operation_id="events_explain", tags=["usage"], responses={200: EventExplainResponse})
    def get(self, request: Request, event_id: str) -> Response:
        """The figures that an event is in: sums, meters, prices and statement lines, or why it is in none."""
        found = event_figures(tenant=principal_of(request).home, event_id=event_id)
        return Response(EventExplainResponse(found).data)

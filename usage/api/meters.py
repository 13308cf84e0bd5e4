"""Meters: what a tenant counts, and what they counted."""

import dataclasses
from collections.abc import Collection
from typing import Any, Final
from zoneinfo import ZoneInfo

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.errors import ValidationFailed
from accounts.exact import canonical
from accounts.models.tenancy import validate_time_zone
from accounts.wire import decode
from usage.api.documents import zoned_moment
from usage.api.figures import PAGE, MeterExplainResponse, PageRequest
from usage.filters import read_filter, read_property
from usage.models import Meter
from usage.queries.calendar import UNITS
from usage.queries.meter_explain import MeterExplanation, meter_explain
from usage.queries.meters import MOST_GROUPS, Answer, Question, meter_query
from usage.services.meters import meter_create, meter_delete, meter_update


class MeterUpdateRequest(serializers.ModelSerializer[Meter]):
    class Meta:
        model = Meter
        fields: tuple[str, ...] = (
            "name", "description", "filter", "value", "aggregation", "percentile", "unit", "is_active",
        )  # fmt: skip


class MeterCreateRequest(MeterUpdateRequest):
    slug = serializers.SlugField(max_length=63)

    class Meta(MeterUpdateRequest.Meta):
        fields: tuple[str, ...] = ("slug", *MeterUpdateRequest.Meta.fields)


class MeterResponse(serializers.ModelSerializer[Meter]):
    class Meta:
        model = Meter
        fields: tuple[str, ...] = (*MeterCreateRequest.Meta.fields, "created_at", "updated_at")


class MeterFilter(django_filters.FilterSet):
    class Meta:
        model = Meter
        fields: tuple[str, ...] = ("aggregation", "is_active")


class MeterFigureRequest(serializers.Serializer[Any]):
    """`from` cannot be an attribute in Python, so it is added to the fields."""

    to = serializers.CharField(max_length=64)
    timezone = serializers.CharField(max_length=63, required=False, validators=[validate_time_zone])
    filter = serializers.CharField(max_length=2000, default="", allow_blank=True)

    def get_fields(self) -> Any:
        return {"from": serializers.CharField(max_length=64), **super().get_fields()}


class MeterQueryRequest(MeterFigureRequest):
    window = serializers.ChoiceField([*UNITS, "none"], default="none")
    group_by = serializers.CharField(max_length=1000, default="", allow_blank=True)


class MeterExplainRequest(MeterFigureRequest, PageRequest):
    group = serializers.CharField(max_length=2000, default="{}")


class MeterRow(serializers.Serializer[Any]):
    start = serializers.DateTimeField(
        help_text="The window is half-open: from its start until before its end."
    )
    end = serializers.DateTimeField()
    group = serializers.DictField(child=serializers.CharField(allow_null=True))
    value = serializers.CharField(allow_null=True, help_text="A decimal string.")


class MeterQueryResponse(serializers.Serializer[Any]):
    meter = serializers.CharField()
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices)
    unit = serializers.CharField(allow_blank=True)
    window = serializers.ChoiceField([*UNITS, "none"])
    timezone = serializers.CharField()
    to = serializers.DateTimeField()
    rows = MeterRow(many=True)
    source = serializers.ChoiceField(["rollup", "raw"])  # type: ignore[assignment]  # a field of that name
    complete_through = serializers.DateTimeField(
        allow_null=True, help_text="All events accepted before this moment are counted."
    )
    pending = serializers.IntegerField(
        allow_null=True, help_text="Accepted entries that are not counted yet."
    )

    def get_fields(self) -> Any:
        return {"from": serializers.DateTimeField(), **super().get_fields()}


FIGURE: Final = (
    OpenApiParameter(
        "from", OpenApiTypes.STR, required=True,
        description="An RFC 3339 moment, or a date: its midnight in the time zone.",
    ),
    OpenApiParameter("to", OpenApiTypes.STR, required=True, description="The same; not included."),
    OpenApiParameter("timezone", OpenApiTypes.STR, description="IANA; default: the tenant's."),
    OpenApiParameter("filter", OpenApiTypes.STR, description="Only these of its events."),
)  # fmt: skip


@extend_schema_view(
    list=extend_schema(
        operation_id="meters_list", description="The tenant's meters.", responses=MeterResponse(many=True),
        tags=["meters"],
    ),
    retrieve=extend_schema(
        operation_id="meters_retrieve", description="One meter.", responses=MeterResponse, tags=["meters"]
    ),
)  # fmt: skip
class MeterViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Meter]):
    """Meters of the tenant, by slug."""

    queryset = Meter.objects.select_related("tenant")
    serializer_class = MeterResponse
    filterset_class = MeterFilter
    lookup_field = "slug"

    @extend_schema(
        operation_id="meters_create",
        request=MeterCreateRequest,
        responses={201: MeterResponse},
        tags=["meters"],
    )
    def create(self, request: Request) -> Response:
        """Define a meter; it counts the past as well. 409 when the slug is taken."""
        given = validated(MeterCreateRequest, request)
        meter = meter_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(MeterResponse(meter).data, status=201)

    @extend_schema(
        operation_id="meters_update", request=MeterUpdateRequest, responses=MeterResponse, tags=["meters"]
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        """Change a meter but its slug; its figures follow at once, for the past too."""
        changes = MeterUpdateRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        meter = meter_update(by=self.principal, meter=self.get_object(), changes=changes.validated_data)
        return Response(MeterResponse(meter).data)

    @extend_schema(
        operation_id="meters_delete", responses={204: OpenApiResponse(description="Removed")}, tags=["meters"]
    )
    def destroy(self, request: Request, slug: str) -> Response:
        """Remove a meter; the events that it counted stay."""
        meter_delete(by=self.principal, meter=self.get_object())
        return Response(status=204)

    @extend_schema(
        operation_id="meters_query",
        tags=["meters"],
        parameters=[
            *FIGURE,
            OpenApiParameter("window", OpenApiTypes.STR, enum=[*UNITS, "none"], description="Default none."),
            OpenApiParameter(
                "group_by", OpenApiTypes.STR,
                description=f"Up to {MOST_GROUPS} properties, such as user_id,metadata.plan.",
            ),
        ],
        filters=False,
        responses=MeterQueryResponse,
    )  # fmt: skip
    @action(detail=True, pagination_class=None)
    def query(self, request: Request, slug: str) -> Response:
        """What the meter counted in [from, to), by window and group, as exact decimal strings."""
        meter = self.get_object()
        asked = MeterQueryRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        question = _question(meter, asked.validated_data)
        answer = meter_query(meter=meter, question=question)
        return Response(MeterQueryResponse(_document(meter, question, answer)).data)

    @extend_schema(
        operation_id="meters_explain",
        tags=["meters"],
        parameters=[
            *FIGURE,
            OpenApiParameter(
                "group", OpenApiTypes.STR,
                description="One row's `group` of the query, as JSON: properties and their texts, or null.",
            ),
            *PAGE,
        ],
        filters=False,
        responses=MeterExplainResponse,
    )  # fmt: skip
    @action(detail=True, pagination_class=None)
    def explain(self, request: Request, slug: str) -> Response:
        """The figure of one window, [from, to), and one group, and the events that made it, newest first."""
        meter = self.get_object()
        asked = MeterExplainRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        question = _question(meter, query)
        found = meter_explain(meter=meter, question=question, limit=query["limit"], cursor=query["cursor"])
        told = MeterExplainResponse(_explained(meter, question, found), context={"tenant": meter.tenant})
        return Response(told.data)


def _question(meter: Meter, asked: dict[str, Any]) -> Question:
    zone = ZoneInfo(asked.get("timezone") or meter.tenant.timezone)
    start, end = (zoned_moment(name, asked[name], zone) for name in ("from", "to"))
    if start >= end:
        raise ValidationError({"to": ["It must be after from."]})
    where = read_filter(asked["filter"])
    if "group" in asked:
        group = _group(asked["group"])
        return Question(start, end, "none", zone, _paths("group", group), where, tuple(group.values()))
    texts = [text for text in asked["group_by"].split(",") if text.strip()]
    return Question(start, end, asked["window"], zone, _paths("group_by", texts), where)


def _paths(field: str, texts: Collection[str]) -> tuple[tuple[str, ...], ...]:
    if len(texts) > MOST_GROUPS:
        raise ValidationError({field: [f"Give at most {MOST_GROUPS} properties."]})
    return tuple(read_property(text.strip(), field) for text in texts)


def _group(text: str) -> dict[str, str | None]:
    try:
        group = decode(text.encode())
        good = all(value is None or isinstance(value, str) for value in group.values())
    except (AttributeError, ValueError, ValidationFailed):
        good = False
    if not good:
        raise ValidationError({"group": ['Give a JSON object such as {"user_id": "anna", "model": null}.']})
    return dict(group)


def _figure(meter: Meter, question: Question) -> dict[str, Any]:
    return {
        "meter": meter.slug,
        "aggregation": meter.aggregation,
        "unit": meter.unit,
        "from": question.start,
        "to": question.end,
        "timezone": str(question.zone),
    }


def _explained(meter: Meter, question: Question, found: MeterExplanation) -> dict[str, Any]:
    names = [".".join(path) for path in question.group_by]
    return {
        **_figure(meter, question),
        "group": dict(zip(names, question.group or (), strict=True)),
        **{field.name: getattr(found, field.name) for field in dataclasses.fields(found)},
        "agrees": found.agrees,
    }


def _document(meter: Meter, question: Question, answer: Answer) -> dict[str, Any]:
    names = [".".join(path) for path in question.group_by]
    return {
        **_figure(meter, question),
        "window": question.window,
        "rows": [
            {
                "start": row.start,
                "end": row.end,
                "group": dict(zip(names, row.group, strict=True)),
                "value": None if row.value is None else canonical(row.value),
            }
            for row in answer.rows
        ],
        "source": answer.source,
        **answer.watermark._asdict(),
    }

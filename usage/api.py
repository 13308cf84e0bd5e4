"""Usage over HTTP: events in, events out."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.utils.http import parse_header_parameters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import PayloadTooLarge, UnsupportedMediaType
from accounts.permissions import HasScope, IsSignedIn, entered, principal_of, tenant_names
from accounts.wire import check_charset
from usage import lane, queries, services
from usage.models import UsageEvent


class UsageEventResponse(serializers.ModelSerializer[UsageEvent]):
    tenant_id = serializers.SerializerMethodField()
    total_cost = serializers.SerializerMethodField(
        help_text="What the sender gave in billing_info, as a decimal string."
    )
    metrics = serializers.DictField(child=serializers.JSONField())
    billing_info = serializers.DictField(child=serializers.JSONField())
    metadata = serializers.DictField(child=serializers.JSONField())
    tags = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = UsageEvent
        fields = [
            "event_id",
            "timestamp",
            "tenant_id",
            "user_id",
            "service_type",
            "service_provider",
            "event_type",
            "metrics",
            "billing_info",
            "total_cost",
            "tags",
            "metadata",
            "session_id",
            "request_id",
            "received_at",
        ]

    def get_tenant_id(self, event: UsageEvent) -> str:
        return str(self.context["tenant"].slug)

    def get_total_cost(self, event: UsageEvent) -> str | None:
        return queries.billed_cost(event)


class EventCreateRequest(serializers.Serializer[Any]):
    """Documents the body; usage.intake reads it. The known service types may also be sent flat."""

    event_id = serializers.CharField(
        max_length=255, required=False, help_text="Unique in the tenant for ever; a UUIDv7 keeps us fastest."
    )
    timestamp = serializers.DateTimeField(
        required=False, help_text="RFC 3339, from 1970 to 2199; without a zone it is UTC. Default: now."
    )
    tenant_id = serializers.CharField(max_length=255, help_text="Slug or UUID of the tenant.")
    user_id = serializers.CharField(max_length=255)
    service_type = serializers.CharField(
        max_length=50,
        help_text="llm_service, document_processor and api_service check their metrics; any other is taken.",
    )
    service_provider = serializers.CharField(max_length=255)
    event_type = serializers.CharField(max_length=255)
    metrics = serializers.DictField(child=serializers.JSONField(), required=False)
    billing_info = serializers.DictField(child=serializers.JSONField(), required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=255), required=False, max_length=100)
    metadata = serializers.DictField(child=serializers.JSONField(), required=False)
    session_id = serializers.CharField(max_length=255, required=False)
    request_id = serializers.CharField(max_length=255, required=False)


class EventCreateResponse(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    event_id = serializers.CharField()
    message = serializers.CharField()
    status = serializers.ChoiceField(["queued", "stored", "duplicate"])


class EventBatchRequest(serializers.Serializer[Any]):
    events = serializers.ListField(
        child=EventCreateRequest(), min_length=1, max_length=settings.MAX_BATCH_SIZE
    )


class EventBatchFailure(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    error = serializers.CharField()
    event_data = serializers.JSONField()


class EventBatchResult(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    status = serializers.ChoiceField(["queued", "stored", "duplicate"])


class EventBatchResponse(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    processed_count = serializers.IntegerField()
    failed_count = serializers.IntegerField()
    failed_events = EventBatchFailure(many=True)
    results = EventBatchResult(many=True)
    message = serializers.CharField()


class EventDispositionResponse(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    status = serializers.ChoiceField(["pending", "stored", "rejected"])
    reason = serializers.CharField(allow_blank=True)
    event = UsageEventResponse(allow_null=True)


class _IngestView(APIView):
    """A plain POST by a key never gets here: the lane has answered it."""

    permission_classes: list[type[BasePermission]] = [IsSignedIn]
    batch = False

    def accept(self, request: Request) -> Response:
        # The events name their tenants themselves, but may not leave one that the request names.
        principal = entered(request) if tenant_names(request) else principal_of(request)
        accept = services.batch_accept if self.batch else services.event_accept
        return Response(accept(by=principal, body=read_body(request)), status=202)


class EventView(_IngestView):
    @extend_schema(
        operation_id="events_create",
        tags=["usage"],
        request=EventCreateRequest,
        responses={202: EventCreateResponse},
    )
    def post(self, request: Request) -> Response:
        """Send one usage event. 202 means that it is kept and will be counted exactly once."""
        return self.accept(request)


class EventBatchView(_IngestView):
    batch = True

    @extend_schema(
        operation_id="events_batch_create",
        tags=["usage"],
        request=EventBatchRequest,
        responses={202: EventBatchResponse},
    )
    def post(self, request: Request) -> Response:
        """Send 1 to 1000 events. A bad event is reported and never takes a good one down."""
        return self.accept(request)


class EventDetailView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(operation_id="events_retrieve", tags=["usage"], responses={200: EventDispositionResponse})
    def get(self, request: Request, event_id: str) -> Response:
        """What became of an event: pending, stored, or rejected with the reason."""
        tenant = principal_of(request).home
        found = queries.event_disposition(tenant=tenant, event_id=event_id)
        return Response(EventDispositionResponse(found, context={"tenant": tenant}).data)


class DayOrMoment(serializers.Field[dt.datetime, str, str, str]):
    """An RFC 3339 moment or a bare date; as an end, a bare date includes its whole day (UTC)."""

    def __init__(self, *, end: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.end = end

    def to_internal_value(self, data: str) -> dt.datetime:
        try:
            day = dt.date.fromisoformat(data)
        except ValueError:
            return serializers.DateTimeField(default_timezone=dt.UTC).to_internal_value(data)
        midnight = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
        if self.end and day < dt.date.max:
            midnight += dt.timedelta(days=1)
        return midnight

    def to_representation(self, value: dt.datetime) -> str:
        return value.isoformat()


class UsageListRequest(serializers.Serializer[Any]):
    start_date = DayOrMoment(required=False)
    end_date = DayOrMoment(required=False, end=True)
    service_type = serializers.CharField(max_length=50, required=False)
    service_provider = serializers.CharField(max_length=255, required=False)
    user_id = serializers.CharField(max_length=255, required=False)
    event_type = serializers.CharField(max_length=255, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=10_000, default=1000)
    offset = serializers.IntegerField(min_value=0, max_value=10_000_000, default=0)
    cursor = serializers.CharField(max_length=255, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start >= end:
            raise ValidationError({"end_date": ["It must be after start_date."]})
        return attrs


class UsageListResponse(serializers.Serializer[Any]):
    events = UsageEventResponse(many=True)
    total_count = serializers.IntegerField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
    complete_through = serializers.DateTimeField(
        allow_null=True, help_text="All events accepted before this moment are counted."
    )


class UsageListView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(
        operation_id="usage_list",
        tags=["usage"],
        parameters=[
            OpenApiParameter("tenant_id", OpenApiTypes.STR, description="Slug or UUID; default: the key's."),
            OpenApiParameter("start_date", OpenApiTypes.DATETIME, description="From this moment or day on."),
            OpenApiParameter(
                "end_date", OpenApiTypes.DATETIME, description="Before this moment; a bare date is included."
            ),
            *(OpenApiParameter(name, OpenApiTypes.STR) for name in queries.FILTERS),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 10000, default 1000."),
            OpenApiParameter("offset", OpenApiTypes.INT),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="`next_cursor` of the page before."),
        ],
        responses={200: UsageListResponse},
    )
    def get(self, request: Request) -> Response:
        """Usage events, newest first."""
        asked = UsageListRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        tenant = principal_of(request).home
        page = queries.usage_page(
            tenant=tenant,
            window=queries.Window(query.get("start_date"), query.get("end_date")),
            filters={name: query[name] for name in queries.FILTERS if name in query},
            limit=query["limit"],
            offset=query["offset"],
            cursor=query["cursor"],
        )
        answer = {
            "events": page.events,
            "total_count": page.total_count,
            "limit": query["limit"],
            "offset": query["offset"],
            "has_more": page.has_more,
            "next_cursor": page.next_cursor,
            "complete_through": page.complete_through,
        }
        return Response(UsageListResponse(answer, context={"tenant": tenant}).data)


def read_body(request: Request) -> bytes:
    """The raw body of a JSON request in UTF-8, bounded."""
    media_type, parameters = parse_header_parameters(request.content_type or "")
    if not lane.is_json(media_type):
        raise UnsupportedMediaType("Send the events as application/json.")
    check_charset(parameters.get("charset", "utf-8"))
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = request._request.read(limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
    return body

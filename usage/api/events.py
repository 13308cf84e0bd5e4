"""Events out: the list, and one with what became of it."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import NotFound
from accounts.permissions import HasScope, principal_of
from usage.api.corrections import CorrectionResponse
from usage.api.documents import DayOrMoment, RevisionResponse, UsageEventResponse
from usage.api.letters import DeadLetterResponse
from usage.queries.dispositions import event_disposition
from usage.queries.events import FILTERS, Window, usage_page


class EventDispositionResponse(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    status = serializers.ChoiceField(
        ["pending", "stored", "rejected"],
        help_text="stored: also when it was voided later. rejected: nothing of this id was stored.",
    )
    reason = serializers.CharField(allow_blank=True, help_text="Why it was rejected.")
    event = UsageEventResponse(allow_null=True, help_text="The last revision.")
    voided_at = serializers.DateTimeField(allow_null=True)
    duplicates = serializers.ListField(
        child=serializers.DateTimeField(), help_text="When the same event came again; the newest 100."
    )
    conflicts = DeadLetterResponse(many=True, help_text="Other contents under this id, set aside.")
    rejections = DeadLetterResponse(many=True, help_text="What was rejected or refused under this id.")
    revisions = RevisionResponse(many=True, help_text="Newest first; 0 is what was sent.")
    corrections = CorrectionResponse(many=True, help_text="Newest first.")


class EventDetailView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(operation_id="events_retrieve", tags=["usage"], responses={200: EventDispositionResponse})
    def get(self, request: Request, event_id: str) -> Response:
        """What became of an event: pending, stored, or rejected with the reason; and all else that came."""
        tenant = principal_of(request).home
        path = request._request.path
        dropped = path[len(path.rstrip("/")) :]  # by the edge, but they may be the id's own
        try:
            found = event_disposition(tenant=tenant, event_id=event_id)
        except NotFound:
            if not dropped:
                raise
            found = event_disposition(tenant=tenant, event_id=event_id + dropped)
        return Response(EventDispositionResponse(found, context={"tenant": tenant}).data)


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
    pending = serializers.IntegerField(
        allow_null=True, help_text="Accepted entries that are not counted yet."
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
            *(OpenApiParameter(name, OpenApiTypes.STR) for name in FILTERS),
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
        page = usage_page(
            tenant=tenant,
            window=Window(query.get("start_date"), query.get("end_date")),
            filters={name: query[name] for name in FILTERS if name in query},
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
            **page.watermark._asdict(),
        }
        return Response(UsageListResponse(answer, context={"tenant": tenant}).data)

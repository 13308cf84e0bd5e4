"""Events in."""

from typing import Any, Final

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.http import parse_header_parameters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import PayloadTooLarge, UnsupportedMediaType
from accounts.permissions import IsSignedIn, entered, principal_of, tenant_names
from accounts.wire import check_charset
from usage import cloudevents, lane
from usage.api.cloudevents import HEADERS, CloudEventRequest, cloud_accept
from usage.api.events import EventDetailView
from usage.services.events import batch_accept, event_accept


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


LIMITS: Final = (
    f"A body has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes, which one event may fill, and a batch "
    f"at most {settings.MAX_BATCH_SIZE} events. Both paths take CloudEvents 1.0 in all three modes; the "
    "media type decides whether the answer is that of one event or of a batch. An empty batch of CloudEvents "
    "is valid."
)


class _IngestView(APIView):
    """A plain POST by a key never gets here: the lane has answered it."""

    permission_classes: list[type[BasePermission]] = [IsSignedIn]
    batch = False

    def accept(self, request: Request) -> Response:
        # The events name their tenants themselves, but may not leave one that the request names.
        principal = entered(request) if tenant_names(request) else principal_of(request)
        mode = cloudevents.mode_of(request.content_type or "", request.headers)
        if mode is not None:
            answer = cloud_accept(by=principal, mode=mode, body=read_body(request), headers=request.headers)
            return Response(answer, status=202)
        _require_json(request)
        accept = batch_accept if self.batch else event_accept
        return Response(accept(by=principal, body=read_body(request)), status=202)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Also the handshake of CloudEvents' webhooks: who has a credential may send."""
        answer = super().options(request, *args, **kwargs)
        if origin := request.headers.get("WebHook-Request-Origin"):
            per_minute = request._request.rate_verdict.limit * 60 // settings.RATE_LIMIT_WINDOW
            answer["WebHook-Allowed-Origin"] = origin
            answer["WebHook-Allowed-Rate"] = str(per_minute)
        return answer


class EventView(_IngestView):
    @extend_schema(
        operation_id="events_create",
        tags=["usage"],
        description=f"Send one usage event. 202: it is kept and will be counted exactly once. {LIMITS}",
        parameters=HEADERS,
        request={"application/json": EventCreateRequest, cloudevents.STRUCTURED: CloudEventRequest},
        responses={202: EventCreateResponse},
    )
    def post(self, request: Request) -> Response:
        return self.accept(request)


class EventBatchView(_IngestView):
    batch = True

    @extend_schema(
        operation_id="events_batch_create",
        tags=["usage"],
        description=f"Send events. A bad one is reported and never takes a good one down. {LIMITS}",
        request={
            "application/json": EventBatchRequest,
            cloudevents.BATCHED: CloudEventRequest(many=True),
        },
        responses={202: EventBatchResponse},
    )
    def post(self, request: Request) -> Response:
        return self.accept(request)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        """An event may be called "batch" too."""
        return EventDetailView.as_view()(request._request, event_id="batch")


def _require_json(request: Request) -> None:
    if not lane.is_json(request.content_type or ""):
        raise UnsupportedMediaType("Send the events as application/json or as CloudEvents.")


def read_body(request: Request) -> bytes:
    """The raw body of a request in UTF-8, bounded."""
    _, parameters = parse_header_parameters(request.content_type or "")
    check_charset(parameters.get("charset", "utf-8"))
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = request._request.read(limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
    return body

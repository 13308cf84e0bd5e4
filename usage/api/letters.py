"""Dead letters of the tenant: what is not in the ledger, why, and what to do about it."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from usage.api.documents import DayOrMoment
from usage.models import DeadLetter
from usage.queries.letters import event_in, letters_page
from usage.services.letters import dead_letter_dismiss, dead_letter_replay

FILTERS = ("kind", "status", "event_id")


class DeadLetterListRequest(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(DeadLetter.Kind.choices, required=False)
    status = serializers.ChoiceField(DeadLetter.Status.choices, required=False)
    event_id = serializers.CharField(max_length=255, required=False)
    start_date = DayOrMoment(required=False)
    end_date = DayOrMoment(required=False, end=True)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    cursor = serializers.CharField(max_length=20, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("start_date"), attrs.get("end_date")
        if start and end and start >= end:
            raise ValidationError({"end_date": ["It must be after start_date."]})
        return attrs


class DeadLetterResponse(serializers.ModelSerializer[DeadLetter]):
    class Meta:
        model = DeadLetter
        fields: tuple[str, ...] = (
            "id", "kind", "status", "event_id", "reason", "created_at", "closed_at", "closed_by", "note",
        )  # fmt: skip


@extend_schema_serializer(many=False)
class DeadLetterListResponse(serializers.Serializer[Any]):
    dead_letters = DeadLetterResponse(many=True, source="letters")
    next_cursor = serializers.CharField(allow_null=True)


class DeadLetterDetailResponse(DeadLetterResponse):
    payload = serializers.CharField(help_text="What came, as text.")
    event = serializers.SerializerMethodField(help_text="The one event of the payload, when it can be read.")
    mended = serializers.DictField(allow_null=True, help_text="The event that was stored in its place.")

    class Meta(DeadLetterResponse.Meta):
        fields = (*DeadLetterResponse.Meta.fields, "payload", "event", "mended")

    def get_event(self, letter: DeadLetter) -> dict[str, Any] | None:
        return event_in(letter)


class DeadLetterReplayRequest(serializers.Serializer[Any]):
    event = serializers.DictField(
        required=False,
        default=None,
        allow_null=True,
        help_text="The mended event, whole. Default: what the letter holds.",
    )


class DeadLetterResult(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    status = serializers.ChoiceField(["stored", "duplicate"])


class DeadLetterReplayResponse(serializers.Serializer[Any]):
    dead_letter = DeadLetterDetailResponse()
    results = DeadLetterResult(many=True)


class DeadLetterDismissRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)


class DeadLetterViewSet(RetrieveModelMixin, TenantViewSet[DeadLetter]):
    """Whoever may send and change events (`write`) replays and dismisses."""

    queryset = DeadLetter.objects.select_related("tenant")
    serializer_class = DeadLetterDetailResponse
    pagination_class = None
    lookup_value_converter = "int"

    @extend_schema(
        operation_id="dead_letters_list",
        tags=["usage"],
        parameters=[
            OpenApiParameter("kind", OpenApiTypes.STR, enum=DeadLetter.Kind.values),
            OpenApiParameter("status", OpenApiTypes.STR, enum=DeadLetter.Status.values),
            OpenApiParameter("event_id", OpenApiTypes.STR),
            OpenApiParameter("start_date", OpenApiTypes.DATETIME, description="Set aside from then on."),
            OpenApiParameter("end_date", OpenApiTypes.DATETIME, description="Before; a date is included."),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 1000, default 100."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="`next_cursor` of the page before."),
        ],
        responses={200: DeadLetterListResponse},
    )
    def list(self, request: Request) -> Response:
        """Events set aside, newest first: refused by the database, in conflict, or rejected on arrival."""
        asked = DeadLetterListRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query = asked.validated_data
        page = letters_page(
            tenant=self.principal.home,
            filters={name: query[name] for name in FILTERS if name in query},
            start=query.get("start_date"),
            end=query.get("end_date"),
            limit=query["limit"],
            cursor=query["cursor"],
        )
        return Response(DeadLetterListResponse(page).data)

    @extend_schema(
        operation_id="dead_letters_retrieve", tags=["usage"], responses={200: DeadLetterDetailResponse}
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One letter with what came."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(
        operation_id="dead_letters_replay",
        tags=["usage"],
        request=DeadLetterReplayRequest,
        responses={200: DeadLetterReplayResponse},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Store the event after all, as it is or mended. 400 or 409 when it is refused again."""
        letter = self.get_object()
        given = validated(DeadLetterReplayRequest, request)
        results = dead_letter_replay(by=self.principal, letter=letter, event=given["event"])
        return Response(DeadLetterReplayResponse({"dead_letter": letter, "results": results}).data)

    @extend_schema(
        operation_id="dead_letters_dismiss",
        tags=["usage"],
        request=DeadLetterDismissRequest,
        responses={200: DeadLetterDetailResponse},
    )
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        """Let the letter rest, with the reason. It stays readable."""
        letter = self.get_object()
        given = validated(DeadLetterDismissRequest, request)
        dead_letter_dismiss(by=self.principal, letter=letter, reason=given["reason"])
        return Response(DeadLetterDetailResponse(letter).data)

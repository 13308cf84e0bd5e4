"""Void and amend an event."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import validated
from accounts.errors import NotFound
from accounts.permissions import HasScope, principal_of, refuse_other_tenant
from usage.models import Correction
from usage.queries.dispositions import event_exists
from usage.services.corrections import MAX_REVISION, event_amend, event_void


class EventVoidRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)
    expected_revision = serializers.IntegerField(
        min_value=0,
        max_value=MAX_REVISION,
        required=False,
        allow_null=True,
        default=None,
        help_text="409 when the event is at another revision by now.",
    )
    tenant_id = serializers.CharField(required=False, default="")


class EventAmendRequest(EventVoidRequest):
    """Documents the fields; the intake checks the event that they make."""

    timestamp = serializers.DateTimeField(required=False)
    user_id = serializers.CharField(required=False)
    service_type = serializers.CharField(required=False)
    service_provider = serializers.CharField(required=False)
    event_type = serializers.CharField(required=False)
    metrics = serializers.DictField(
        child=serializers.JSONField(), required=False, help_text="Whole: what is left out is gone."
    )
    billing_info = serializers.DictField(child=serializers.JSONField(), required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    metadata = serializers.DictField(child=serializers.JSONField(), required=False)
    session_id = serializers.CharField(required=False)
    request_id = serializers.CharField(required=False)


class CorrectionResponse(serializers.ModelSerializer[Correction]):
    changes = serializers.DictField(
        child=serializers.ListField(), help_text="Field → [before, after]; none for a void."
    )
    is_genuine = serializers.BooleanField(help_text="The signature is over what stands here.")

    class Meta:
        model = Correction
        fields: tuple[str, ...] = (
            "id", "event_id", "revision", "kind", "reason", "actor", "created_at", "changes", "signature",
            "is_genuine",
        )  # fmt: skip


OWN: Final = frozenset(EventVoidRequest().fields)


class EventVoidView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(
        operation_id="events_void",
        tags=["usage"],
        request=EventVoidRequest,
        responses={201: CorrectionResponse},
    )
    def post(self, request: Request, event_id: str) -> Response:
        """Let an event count no more, from now on; for whoever may write. What was sent stays readable."""
        made = event_void(by=principal_of(request), event_id=event_id, **_asked(request, event_id))
        return Response(CorrectionResponse(made).data, status=201)


class EventAmendView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(
        operation_id="events_amend",
        tags=["usage"],
        request=EventAmendRequest,
        responses={201: CorrectionResponse},
    )
    def post(self, request: Request, event_id: str) -> Response:
        """Change fields of an event: a new revision counts from now on; for whoever may write."""
        given = _asked(request, event_id)
        body: Any = request.data
        changes = {name: value for name, value in body.items() if name not in OWN}
        made = event_amend(by=principal_of(request), event_id=event_id, changes=changes, **given)
        return Response(CorrectionResponse(made).data, status=201)


def _asked(request: Request, event_id: str) -> dict[str, Any]:
    """Reason and expected revision; 404 comes before 400, as for all that is not the caller's."""
    principal = principal_of(request)
    if not event_exists(tenant=principal.home, event_id=event_id):
        raise NotFound("There is no such event in this tenant.")
    given = validated(EventVoidRequest, request)
    refuse_other_tenant(principal, given.pop("tenant_id"))
    return given

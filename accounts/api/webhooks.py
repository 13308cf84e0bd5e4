"""Webhooks of the tenant managed by its admins. A secret is shown once."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import (
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import NoStoreMixin, TenantViewSet, validated
from accounts.api.deliveries import DeliveryResponse
from accounts.models import Scope, Webhook
from accounts.models.deliveries import MAX_PATTERNS, every_event
from accounts.permissions import refuse_other_tenant
from accounts.services.webhooks import (
    DEFAULT_OVERLAP,
    MAX_OVERLAP,
    webhook_create,
    webhook_delete,
    webhook_rotate_secret,
    webhook_test,
    webhook_update,
)


class WebhookRequest(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=2048, help_text="https, port 443 or 8443, on the public internet.")
    events = serializers.ListField(
        child=serializers.CharField(max_length=64),
        min_length=1,
        max_length=MAX_PATTERNS,
        default=every_event,
        help_text="Event types in full, all of a noun (`api_key.*`), or everything (`*`).",
    )
    description = serializers.CharField(max_length=255, allow_blank=True, default="")
    is_active = serializers.BooleanField(default=True)


class WebhookCreateRequest(WebhookRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")


class WebhookRotateRequest(serializers.Serializer[Any]):
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OVERLAP,
        default=DEFAULT_OVERLAP,
        help_text="How long messages are signed with the old secret too.",
    )


class WebhookResponse(serializers.ModelSerializer[Webhook]):
    events = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            "id", "url", "events", "description", "is_active", "failures", "resting_until",
            "previous_secret_until", "created_at", "updated_at",
        )  # fmt: skip


class WebhookCreatedResponse(WebhookResponse):
    secret = serializers.CharField(help_text="What messages are signed with, shown this once.")

    class Meta(WebhookResponse.Meta):
        fields: tuple[str, ...] = (*WebhookResponse.Meta.fields, "secret")


@extend_schema_view(
    list=extend_schema(
        operation_id="webhooks_list",
        description="The tenant's webhooks, without their secrets; for its admins.",
        responses=WebhookResponse(many=True),
        tags=["webhooks"],
    ),
    retrieve=extend_schema(
        operation_id="webhooks_retrieve",
        description="One webhook of the tenant, without its secret.",
        responses=WebhookResponse,
        tags=["webhooks"],
    ),
)
class WebhookViewSet(NoStoreMixin, ListModelMixin, RetrieveModelMixin, TenantViewSet[Webhook]):
    """Webhooks, managed by the tenant's admins."""

    queryset = Webhook.objects.select_related("tenant")
    serializer_class = WebhookResponse
    filterset_fields: tuple[str, ...] = ("is_active",)
    required_scope = Scope.ADMIN
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="webhooks_create",
        request=WebhookCreateRequest,
        responses={201: WebhookCreatedResponse},
        tags=["webhooks"],
    )
    def create(self, request: Request) -> Response:
        """Tell an address of the tenant's activity; 409 past 20 of them."""
        given = validated(WebhookCreateRequest, request)
        refuse_other_tenant(self.principal, given.pop("tenant_id"))
        webhook, secret = webhook_create(by=self.principal, tenant=self.principal.home, **given)
        return _with_secret(webhook, secret)

    @extend_schema(
        operation_id="webhooks_partial_update",
        request=WebhookRequest,
        responses=WebhookResponse,
        tags=["webhooks"],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change it; activating it again forgets its failures."""
        changes = WebhookRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        webhook = webhook_update(by=self.principal, webhook=self.get_object(), changes=changes.validated_data)
        return Response(WebhookResponse(webhook).data)

    @extend_schema(
        operation_id="webhooks_destroy",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["webhooks"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete it; what still waited for it is given up."""
        webhook_delete(by=self.principal, webhook=self.get_object())
        return Response(status=204)

    @extend_schema(
        operation_id="webhooks_test", request=None, responses={202: DeliveryResponse}, tags=["webhooks"]
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: UUID) -> Response:
        """Send it a `webhook.test` message; the list of deliveries tells what became of it."""
        delivery = webhook_test(by=self.principal, webhook=self.get_object())
        return Response(DeliveryResponse(delivery).data, status=202)

    @extend_schema(
        operation_id="webhooks_rotate_secret",
        request=WebhookRotateRequest,
        responses={201: WebhookCreatedResponse},
        tags=["webhooks"],
    )
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, pk: UUID) -> Response:
        """A new secret; for `overlap_seconds` messages carry a signature by the old one too."""
        given = validated(WebhookRotateRequest, request)
        return _with_secret(*webhook_rotate_secret(by=self.principal, webhook=self.get_object(), **given))


def _with_secret(webhook: Webhook, secret: str) -> Response:
    return Response({**WebhookResponse(webhook).data, "secret": secret}, status=201)

"""The messages of a webhook and what became of them."""

from datetime import datetime
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet
from accounts.models import Delivery, Scope, Webhook
from accounts.services.webhooks import delivery_redeliver


class DeliveryResponse(serializers.ModelSerializer[Delivery]):
    payload = serializers.DictField()
    next_attempt_at = serializers.SerializerMethodField(help_text="Null once it has ended.")

    class Meta:
        model = Delivery
        fields = (
            "id", "event_type", "payload", "target", "state", "attempts", "next_attempt_at", "last_status",
            "last_error", "created_at", "delivered_at",
        )  # fmt: skip

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: Delivery) -> datetime | None:
        return delivery.next_attempt_at if delivery.state == Delivery.State.PENDING else None


class DeliveryFilter(django_filters.FilterSet):
    class Meta:
        model = Delivery
        fields: tuple[str, ...] = ("state", "event_type")


@extend_schema_view(
    list=extend_schema(
        operation_id="webhooks_deliveries_list",
        description="The webhook's messages and what became of them, newest first; for the tenant's admins.",
        responses=DeliveryResponse(many=True),
        tags=["webhooks"],
    )
)
class DeliveryViewSet(ListModelMixin, TenantViewSet[Delivery]):
    """Deliveries of one webhook."""

    queryset = Delivery.objects.select_related("webhook", "tenant")
    serializer_class = DeliveryResponse
    filterset_class = DeliveryFilter
    required_scope = Scope.ADMIN
    lookup_url_kwarg = "delivery_id"

    def get_queryset(self) -> QuerySet[Delivery]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        owned = Webhook.objects.for_tenant(self.principal.home)
        return rows.filter(webhook=get_object_or_404(owned, pk=self.kwargs["webhook_id"]))

    @extend_schema(
        operation_id="webhooks_deliveries_redeliver",
        request=None,
        responses={202: DeliveryResponse},
        tags=["webhooks"],
    )
    def redeliver(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """Send an ended message once more under the same id; 409 while it is pending."""
        delivery = delivery_redeliver(by=self.principal, delivery=self.get_object())
        return Response(DeliveryResponse(delivery).data, status=202)

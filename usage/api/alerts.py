"""Alerts of the tenant, and its quota."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import TenantViewSet, validated
from accounts.exact import canonical
from accounts.permissions import HasScope, principal_of, refuse_other_tenant
from usage.models import Alert
from usage.models.alerts import DAY_MINUTES, MOST_EMAILS
from usage.queries.quotas import quota_state
from usage.services.alerts import (
    alert_acknowledge,
    alert_create,
    alert_delete,
    alert_resolve,
    alert_update,
)

MONTH_MINUTES = 31 * DAY_MINUTES


class AlertRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    measure = serializers.ChoiceField(
        Alert.Measure.choices,
        help_text="usage counts events or sums `metric`, cost sums what senders billed in `currency`,"
        " error_rate is the share of failed events from 0 to 1, latency the 95th percentile of `metric`.",
    )
    metric = serializers.CharField(
        max_length=255, allow_blank=True, default="", help_text="Of usage and latency (default latency_ms)."
    )
    filter = serializers.CharField(max_length=2000, allow_blank=True, default="", help_text="Which events.")
    operator = serializers.ChoiceField(Alert.Operator.choices, default=Alert.Operator.AT_LEAST)
    threshold = serializers.DecimalField(max_digits=38, decimal_places=14)
    currency = serializers.RegexField("^[A-Z]{3}$", default="USD")
    window_minutes = serializers.IntegerField(
        min_value=1, max_value=MONTH_MINUTES, default=60, help_text="At most a day, of usage 31 days."
    )
    cooldown_minutes = serializers.IntegerField(min_value=0, max_value=MONTH_MINUTES, default=60)
    min_points = serializers.IntegerField(
        min_value=0, max_value=1_000_000_000, default=1, help_text="0: silence counts too."
    )
    emails = serializers.ListField(child=serializers.EmailField(), max_length=MOST_EMAILS, default=list)
    is_active = serializers.BooleanField(default=True)


class AlertCreateRequest(AlertRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")


class AlertResponse(serializers.ModelSerializer[Alert]):
    threshold = serializers.SerializerMethodField("threshold_text")
    value = serializers.SerializerMethodField(
        "value_text", help_text="What the last evaluation found, as a decimal string."
    )
    emails = serializers.ListField(child=serializers.EmailField())

    class Meta:
        model = Alert
        fields: tuple[str, ...] = (
            "id", "name", "measure", "metric", "filter", "operator", "threshold", "currency",
            "window_minutes", "cooldown_minutes", "min_points", "emails", "is_active", "status",
            "status_since", "value", "evaluated_at", "raised_at", "created_at", "updated_at",
        )  # fmt: skip

    def threshold_text(self, alert: Alert) -> str:
        return canonical(alert.threshold)

    def value_text(self, alert: Alert) -> str | None:
        return None if alert.value is None else canonical(alert.value)


@extend_schema_view(
    list=extend_schema(
        operation_id="alerts_list",
        description="The tenant's alerts and how they stand.",
        responses=AlertResponse(many=True),
        tags=["usage"],
    ),
    retrieve=extend_schema(
        operation_id="alerts_retrieve", description="One alert.", responses=AlertResponse, tags=["usage"]
    ),
)
class AlertViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Alert]):
    """Alerts on usage, cost, error rate and latency, looked at every minute."""

    queryset = Alert.objects.select_related("tenant")
    serializer_class = AlertResponse
    filterset_fields: tuple[str, ...] = ("status", "measure", "is_active")
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="alerts_create",
        request=AlertCreateRequest,
        responses={201: AlertResponse},
        tags=["usage"],
    )
    def create(self, request: Request) -> Response:
        """Watch a figure; 409 when the name is taken or there are 100 alerts."""
        given = validated(AlertCreateRequest, request)
        refuse_other_tenant(self.principal, given.pop("tenant_id"))
        alert = alert_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(AlertResponse(alert).data, status=201)

    @extend_schema(
        operation_id="alerts_partial_update", request=AlertRequest, responses=AlertResponse, tags=["usage"]
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change it; what it said by its old definition is over."""
        changes = AlertRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        alert = alert_update(by=self.principal, alert=self.get_object(), changes=changes.validated_data)
        return Response(AlertResponse(alert).data)

    @extend_schema(
        operation_id="alerts_destroy",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["usage"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete it."""
        alert_delete(by=self.principal, alert=self.get_object())
        return Response(status=204)

    @extend_schema(operation_id="alerts_acknowledge", request=None, responses=AlertResponse, tags=["usage"])
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: UUID) -> Response:
        """Say that somebody is at it; 409 unless it is active."""
        return Response(AlertResponse(alert_acknowledge(by=self.principal, alert=self.get_object())).data)

    @extend_schema(operation_id="alerts_resolve", request=None, responses=AlertResponse, tags=["usage"])
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: UUID) -> Response:
        """Close it by hand; it is raised again when it is still crossed after its cooldown."""
        return Response(AlertResponse(alert_resolve(by=self.principal, alert=self.get_object())).data)


class QuotaResponse(serializers.Serializer[Any]):
    monthly_events = serializers.IntegerField(allow_null=True, help_text="null: no quota.")
    hard = serializers.BooleanField(help_text="More events are refused with 429; a soft quota only tells.")
    used = serializers.IntegerField(help_text="Events of the current calendar month (UTC, by timestamp).")
    remaining = serializers.IntegerField(allow_null=True)
    resets_at = serializers.DateTimeField()


class QuotaView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(operation_id="quota_retrieve", tags=["usage"], responses={200: QuotaResponse})
    def get(self, request: Request) -> Response:
        """How much of the month's events is left; the platform sets the quota."""
        return Response(QuotaResponse(quota_state(principal_of(request).home)).data)

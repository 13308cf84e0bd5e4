"""Exchange rates of the tenant."""

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Exact
from accounts.permissions import refuse_other_tenant
from inventory.api.fields import currency_field
from inventory.models import ExchangeRate
from inventory.services.rates import exchange_rate_delete, exchange_rate_set


class ExchangeRateRequest(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")
    currency = currency_field()
    to_currency = currency_field()
    valid_from = serializers.DateField(help_text="The first day (UTC) of charges that it is for.")
    rate = serializers.DecimalField(
        max_digits=38, decimal_places=18, help_text="What one unit of `currency` is in `to_currency`."
    )


class ExchangeRateResponse(serializers.ModelSerializer[ExchangeRate]):
    organization_id = serializers.UUIDField(source="tenant_id")
    rate = Exact()

    class Meta:
        model = ExchangeRate
        fields = ("id", "organization_id", "currency", "to_currency", "valid_from", "rate", "updated_at")


@extend_schema_view(
    list=extend_schema(
        operation_id="exchange_rates_list",
        description="The tenant's rates, of each pair the latest first.",
        responses=ExchangeRateResponse(many=True),
        tags=["costs"],
    ),
    retrieve=extend_schema(
        operation_id="exchange_rates_retrieve",
        description="One rate.",
        responses=ExchangeRateResponse,
        tags=["costs"],
    ),
)
class ExchangeRateViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[ExchangeRate]):
    """Rates by which reports of costs are converted; each holds until the next one of its pair."""

    queryset = ExchangeRate.objects.select_related("tenant")
    serializer_class = ExchangeRateResponse
    filterset_fields: tuple[str, ...] = ("currency", "to_currency")
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="exchange_rates_set",
        request=ExchangeRateRequest,
        responses={201: ExchangeRateResponse},
        tags=["costs"],
    )
    def create(self, request: Request) -> Response:
        """Say a rate; one of the same pair and day is replaced."""
        given = validated(ExchangeRateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        rate = exchange_rate_set(by=self.principal, tenant=self.principal.home, **given)
        return Response(ExchangeRateResponse(rate).data, status=201)

    @extend_schema(
        operation_id="exchange_rates_delete",
        responses={204: OpenApiResponse(description="Removed")},
        tags=["costs"],
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a rate back: the one before it holds again."""
        exchange_rate_delete(by=self.principal, rate=self.get_object())
        return Response(status=204)

"""Price rules of the tenant."""

from decimal import Decimal
from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Exact
from accounts.models import Scope
from accounts.permissions import refuse_other_tenant
from usage.models import PriceRule
from usage.pricing import Scheme
from usage.services.prices import MOST_TIERS, price_rule_create, price_rule_delete, price_rule_update


class ExactText(serializers.CharField):
    """A decimal as text; a JSON number is taken too. The service says which numbers are right."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(str(data) if isinstance(data, Decimal) else data)


class PriceTier(serializers.Serializer[Any]):
    rate = ExactText(max_length=80, help_text="Of one unit, of one package, or the flat amount.")
    up_to = ExactText(
        max_length=80,
        required=False,
        allow_null=True,
        help_text="volume and graduated: the last unit of the tier, inclusive; null in the last tier.",
    )
    size = ExactText(max_length=80, required=False, allow_null=True, help_text="package: units in one.")


class PriceRuleUpdateRequest(serializers.Serializer[Any]):
    service_type = serializers.CharField(max_length=50)
    service_provider = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="Empty: any."
    )
    model_or_tier = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="metadata.model, else metadata.tier."
    )
    event_type = serializers.CharField(max_length=255, required=False, allow_blank=True)
    unit = serializers.CharField(max_length=255, help_text="A metric, such as input_tokens, or `events`.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217.")
    scheme = serializers.ChoiceField([(scheme.value, scheme.value) for scheme in Scheme])
    tiers = serializers.ListField(child=PriceTier(), min_length=1, max_length=MOST_TIERS)
    minimum_charge = ExactText(
        max_length=80, required=False, help_text="Least amount of a month with usage; default 0."
    )
    valid_from = serializers.DateTimeField(help_text="A whole hour of UTC.")
    valid_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Before this hour; null: until further notice."
    )


class PriceRuleCreateRequest(PriceRuleUpdateRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")


class PriceRuleResponse(serializers.ModelSerializer[PriceRule]):
    tiers = PriceTier(many=True)
    minimum_charge = Exact()

    class Meta:
        model = PriceRule
        fields = (
            "id", "service_type", "service_provider", "model_or_tier", "event_type", "unit", "currency",
            "scheme", "tiers", "minimum_charge", "valid_from", "valid_until", "is_active", "created_at",
            "updated_at",
        )  # fmt: skip


class PriceRuleFilter(django_filters.FilterSet):
    service_type = django_filters.CharFilter(max_length=50)
    unit = django_filters.CharFilter(max_length=255)
    is_active = django_filters.BooleanFilter()

    class Meta:
        model = PriceRule
        fields: tuple[str, ...] = ("service_type", "unit", "is_active")


@extend_schema_view(
    list=extend_schema(
        operation_id="price_rules_list",
        description="The tenant's prices, ended and deleted ones too.",
        responses=PriceRuleResponse(many=True),
        tags=["billing"],
    ),
    retrieve=extend_schema(
        operation_id="price_rules_retrieve",
        description="One price.",
        responses=PriceRuleResponse,
        tags=["billing"],
    ),
)
class PriceRuleViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[PriceRule]):
    """Prices. The most specific rule wins: by model, then provider, then event type."""

    queryset = PriceRule.objects.all()
    serializer_class = PriceRuleResponse
    filterset_class = PriceRuleFilter
    required_scope = {"POST": Scope.ADMIN, "PATCH": Scope.ADMIN, "DELETE": Scope.ADMIN}
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="price_rules_create",
        request=PriceRuleCreateRequest,
        responses={201: PriceRuleResponse},
        tags=["billing"],
    )
    def create(self, request: Request) -> Response:
        """A new price; 409 when another rule prices the same usage at the same time as specifically."""
        given = validated(PriceRuleCreateRequest, request)
        refuse_other_tenant(self.principal, given.pop("tenant_id"))
        rule = price_rule_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(PriceRuleResponse(rule).data, status=201)

    @extend_schema(
        operation_id="price_rules_update",
        request=PriceRuleUpdateRequest,
        responses=PriceRuleResponse,
        tags=["billing"],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change or end a price. Open months are priced anew, closed ones keep what they were made with."""
        read = PriceRuleUpdateRequest(data=request.data, partial=True)
        read.is_valid(raise_exception=True)
        rule = price_rule_update(by=self.principal, rule=self.get_object(), changes=read.validated_data)
        return Response(PriceRuleResponse(rule).data)

    @extend_schema(
        operation_id="price_rules_delete",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["billing"],
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Open months are priced without it from now on; closed ones keep it."""
        price_rule_delete(by=self.principal, rule=self.get_object())
        return Response(status=204)

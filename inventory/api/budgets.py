"""Budgets of the tenant and how they stand."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Exact
from accounts.permissions import refuse_other_tenant
from inventory.api.fields import FILTER_HELP, currency_field
from inventory.models import Budget, BudgetNotice
from inventory.queries.budgets import budget_standing
from inventory.services.budgets import (
    MOST_EMAILS,
    MOST_THRESHOLDS,
    PERCENTS,
    budget_create,
    budget_delete,
    budget_update,
)


class BudgetThreshold(serializers.Serializer[Any]):
    percent = serializers.IntegerField(min_value=PERCENTS[0], max_value=PERCENTS[-1])
    of = serializers.ChoiceField(BudgetNotice.Of.choices)


class BudgetRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    amount = serializers.DecimalField(max_digits=38, decimal_places=14)
    currency = currency_field(help_text="Costs in others count by /exchange-rates.")
    period = serializers.ChoiceField(Budget.Period.choices, default=Budget.Period.MONTH)
    cost = serializers.ChoiceField(Budget.Cost.choices, default=Budget.Cost.BILLED)
    filter = serializers.CharField(max_length=2000, allow_blank=True, default="", help_text=FILTER_HELP)
    thresholds = serializers.ListField(child=BudgetThreshold(), max_length=MOST_THRESHOLDS, default=list)
    emails = serializers.ListField(child=serializers.EmailField(), max_length=MOST_EMAILS, default=list)
    is_active = serializers.BooleanField(default=True)


class BudgetCreateRequest(BudgetRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")


class BudgetResponse(serializers.ModelSerializer[Budget]):
    organization_id = serializers.UUIDField(source="tenant_id")
    amount = Exact()
    thresholds = BudgetThreshold(many=True)
    emails = serializers.ListField(child=serializers.EmailField())

    class Meta:
        model = Budget
        fields: tuple[str, ...] = (
            "id", "organization_id", "name", "amount", "currency", "period", "cost", "filter", "thresholds",
            "emails", "is_active", "created_at", "updated_at",
        )  # fmt: skip


class BudgetNoticeResponse(serializers.ModelSerializer[BudgetNotice]):
    value = Exact()
    amount = Exact()

    class Meta:
        model = BudgetNotice
        fields = ("id", "period_start", "of", "percent", "value", "amount", "created_at")


class BudgetStandingResponse(serializers.Serializer[Any]):
    start = serializers.DateField(help_text="Of the running period.")
    end = serializers.DateField(help_text="The day after its last.")
    amount = Exact()
    currency = serializers.CharField()
    actual = Exact(help_text="So far.")
    percent = Exact(help_text="Of the amount.")
    forecast = Exact(allow_null=True, help_text="For the whole period; null without history.")
    missing_rates = serializers.ListField(
        child=serializers.CharField(), help_text="Currencies that could not be converted and do not count."
    )
    notices = BudgetNoticeResponse(many=True, help_text="What was told in this period.")


@extend_schema_view(
    list=extend_schema(
        operation_id="budgets_list", description="The tenant's budgets.",
        responses=BudgetResponse(many=True), tags=["costs"],
    ),
    retrieve=extend_schema(
        operation_id="budgets_retrieve", description="One budget.", responses=BudgetResponse, tags=["costs"]
    ),
)  # fmt: skip
class BudgetViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Budget]):
    """Amounts for a month, quarter or year. What crosses a threshold is told once in each period."""

    queryset = Budget.objects.select_related("tenant")
    serializer_class = BudgetResponse
    filterset_fields: tuple[str, ...] = ("is_active", "period")
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="budgets_create",
        request=BudgetCreateRequest,
        responses={201: BudgetResponse},
        tags=["costs"],
    )
    def create(self, request: Request) -> Response:
        """A new budget; 409 when the name is taken or there are 100."""
        given = validated(BudgetCreateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        budget = budget_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(BudgetResponse(budget).data, status=201)

    @extend_schema(
        operation_id="budgets_update", request=BudgetRequest, responses=BudgetResponse, tags=["costs"]
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change it; what was told in the running period stays told."""
        changes = BudgetRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        budget = budget_update(by=self.principal, budget=self.get_object(), changes=changes.validated_data)
        return Response(BudgetResponse(budget).data)

    @extend_schema(
        operation_id="budgets_delete",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["costs"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete it."""
        budget_delete(by=self.principal, budget=self.get_object())
        return Response(status=204)

    @extend_schema(
        operation_id="budgets_standing", filters=False, responses=BudgetStandingResponse, tags=["costs"]
    )
    @action(detail=True, filter_backends=[])
    def standing(self, request: Request, pk: UUID) -> Response:
        """What the running period cost so far and may come to, and what was told of it."""
        budget = self.get_object()
        found = budget_standing(budget)
        notices = BudgetNotice.objects.for_tenant(budget.tenant).filter(
            budget=budget, period_start=found.span.start
        )
        body = {
            **found.span._asdict(),
            "amount": budget.amount,
            "currency": budget.currency,
            "actual": found.actual,
            "percent": found.percent(budget),
            "forecast": found.forecast,
            "missing_rates": found.left_out,
            "notices": notices,
        }
        return Response(BudgetStandingResponse(body).data)

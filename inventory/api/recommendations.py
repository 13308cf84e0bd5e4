"""Recommendations: the older service's list, and what can be said of each."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Exact
from accounts.permissions import principal_of
from accounts.principals import SHARED
from inventory.api.fields import FILTER_HELP
from inventory.models import RealisedSaving, Recommendation
from inventory.queries.recommendations import ALL, about_resources, counted_ids, of_status, others_of
from inventory.services.recommendations import (
    recommendation_dismiss,
    recommendation_done,
    recommendation_reopen,
    recommendation_snooze,
)

Status = Recommendation.Status
Verb = Callable[..., Recommendation]


class RecommendationPagination(LimitOffsetPagination):
    """The older service's plain array of at most 500; `skip` goes on, and X-Total-Count has their number."""

    default_limit = 500
    max_limit = 500
    offset_query_param = "skip"

    def get_paginated_response(self, data: Any) -> Response:
        return Response(data, headers={"X-Total-Count": str(self.count)})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return schema


class RecommendationResponse(serializers.ModelSerializer[Recommendation]):
    organization_id = serializers.UUIDField(source="tenant_id")
    resource_id = serializers.UUIDField(allow_null=True, help_text="Of /resources; null: it is about none.")
    provider_resource_id = serializers.CharField(source="native_id", help_text="What the provider calls it.")
    potential_savings_monthly = Exact(
        source="saving_monthly", help_text="Of a month of 365/12 days; 0 where nothing is saved."
    )
    counted = serializers.SerializerMethodField(
        help_text="Whether totals count the saving: of those on one resource the largest, if it is open."
    )
    status = serializers.CharField(source="status_now", read_only=True)
    action_items = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(
        child=serializers.CharField(),
        help_text="What the rule lacked when it last looked; all else is from before.",
    )

    class Meta:
        model = Recommendation
        fields: tuple[str, ...] = (
            "id", "organization_id", "resource_id", "provider", "provider_resource_id", "rule",
            "recommendation_type", "priority", "risk", "confidence", "potential_savings_monthly", "currency",
            "basis", "counted", "description", "action_items", "missing", "status", "snoozed_until",
            "opened_at", "created_at", "updated_at",
        )  # fmt: skip

    def get_counted(self, row: Recommendation) -> bool:
        return row.pk in self.context["counted"]


class RealisedResponse(serializers.ModelSerializer[RealisedSaving]):
    expected = Exact(help_text="In a month, as the recommendation said.")
    before = Exact(allow_null=True, help_text="A day's cost before; null: no bill named it.")
    after = Exact(allow_null=True)
    saving_monthly = Exact(allow_null=True)

    class Meta:
        model = RealisedSaving
        fields = (
            "done_on",
            "days",
            "currency",
            "expected",
            "before",
            "after",
            "saving_monthly",
            "checked_at",
        )


class AlternativeResponse(serializers.ModelSerializer[Recommendation]):
    potential_savings_monthly = Exact(source="saving_monthly")

    class Meta:
        model = Recommendation
        fields = ("id", "rule", "recommendation_type", "potential_savings_monthly", "currency")


class RecommendationDetailResponse(RecommendationResponse):
    evidence = serializers.DictField(help_text="What the rule went by, and its thresholds then.")
    alternatives = serializers.SerializerMethodField(
        help_text="Other open ones on the resource: another way to save the same money."
    )
    realised = RealisedResponse(many=True, help_text="7 and 30 days after it was done.")

    class Meta(RecommendationResponse.Meta):
        fields = (
            *RecommendationResponse.Meta.fields, "status_reason", "status_by", "status_at", "evidence",
            "alternatives", "realised",
        )  # fmt: skip

    @extend_schema_field(AlternativeResponse(many=True))
    def get_alternatives(self, row: Recommendation) -> Any:
        return AlternativeResponse(others_of(row), many=True).data


class ReasonRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000)


class SnoozeRequest(ReasonRequest):
    until = serializers.DateTimeField(help_text="In the next 366 days.")


class RecommendationFilter(django_filters.FilterSet):
    request: Request

    resource_id = django_filters.UUIDFilter()
    priority = django_filters.ChoiceFilter(choices=Recommendation.Priority.choices)
    risk = django_filters.ChoiceFilter(choices=Recommendation.Level.choices)
    rule = django_filters.CharFilter(max_length=64)
    recommendation_type = django_filters.CharFilter(max_length=32)
    provider = django_filters.CharFilter(max_length=32)
    currency = django_filters.CharFilter(max_length=3)
    least = django_filters.NumberFilter(
        field_name="saving_monthly", lookup_expr="gte", max_digits=20, decimal_places=6,
        help_text="What it saves in a month, at least.",
    )  # fmt: skip
    status = django_filters.ChoiceFilter(
        choices=[*Status.choices, (ALL, ALL)], method="by_status", help_text="Default: open."
    )
    filter = django_filters.CharFilter(
        max_length=2000, method="by_filter", help_text=f"Of the resource. {FILTER_HELP}"
    )

    class Meta:
        model = Recommendation
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Recommendation]) -> QuerySet[Recommendation]:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data["status"] else of_status(rows)

    def by_status(self, rows: QuerySet[Recommendation], name: str, value: str) -> QuerySet[Recommendation]:
        return of_status(rows, value)

    def by_filter(self, rows: QuerySet[Recommendation], name: str, value: str) -> QuerySet[Recommendation]:
        return about_resources(rows, principal_of(self.request).home, value)


@extend_schema_view(
    list=extend_schema(
        operation_id="recommendations_list",
        description="What could be saved or put right, the newest first, as an array.",
        responses=RecommendationResponse(many=True),
        tags=["recommendations"],
    ),
)
class RecommendationViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Recommendation]):
    """Recommendations. Rules find them each night and when asked to; people say what becomes of them."""

    queryset = Recommendation.objects.all()
    serializer_class = RecommendationResponse
    filterset_class = RecommendationFilter
    pagination_class = RecommendationPagination
    lookup_value_converter = "uuid"
    required_scope = {"GET": SHARED}

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        rows = args[0] if kwargs.get("many") else args[:1]
        found = counted_ids(self.principal.home, [row.resource_id for row in rows])
        return super().get_serializer(
            *args, context={**self.get_serializer_context(), "counted": found}, **kwargs
        )

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Recommendation]]:
        return RecommendationResponse if self.action == "list" else RecommendationDetailResponse

    @extend_schema(
        operation_id="recommendations_retrieve",
        responses=RecommendationDetailResponse,
        tags=["recommendations"],
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One recommendation with its evidence, and what it saved if it was done."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(
        operation_id="recommendations_snooze",
        request=SnoozeRequest,
        responses=RecommendationDetailResponse,
        tags=["recommendations"],
    )
    @action(detail=True, methods=["post"], filter_backends=[])
    def snooze(self, request: Request, pk: UUID) -> Response:
        """Put it off: it is open again from that moment on."""
        return self._said(request, SnoozeRequest, recommendation_snooze)

    @extend_schema(
        operation_id="recommendations_dismiss",
        request=ReasonRequest,
        responses=RecommendationDetailResponse,
        tags=["recommendations"],
    )
    @action(detail=True, methods=["post"], filter_backends=[])
    def dismiss(self, request: Request, pk: UUID) -> Response:
        """Never show it again, whatever is found later."""
        return self._said(request, ReasonRequest, recommendation_dismiss)

    @extend_schema(
        operation_id="recommendations_done",
        request=ReasonRequest,
        responses=RecommendationDetailResponse,
        tags=["recommendations"],
    )
    @action(detail=True, methods=["post"], filter_backends=[])
    def done(self, request: Request, pk: UUID) -> Response:
        """It was done: what it saved is checked against costs 7 and 30 days later."""
        return self._said(request, ReasonRequest, recommendation_done)

    @extend_schema(
        operation_id="recommendations_reopen",
        request=ReasonRequest,
        responses=RecommendationDetailResponse,
        tags=["recommendations"],
    )
    @action(detail=True, methods=["post"], filter_backends=[])
    def reopen(self, request: Request, pk: UUID) -> Response:
        """Take back what was said of it."""
        return self._said(request, ReasonRequest, recommendation_reopen)

    def _said(self, request: Request, asked: type[ReasonRequest], verb: Verb) -> Response:
        row = self.get_object()
        row = verb(by=self.principal, row=row, **validated(asked, request))
        return Response(self.get_serializer(row).data)

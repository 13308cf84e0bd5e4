"""Resources, their history and what they cost."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet
from accounts.api.fields import Exact
from accounts.permissions import principal_of
from accounts.principals import SHARED
from inventory.api.costs import CostLineResponse
from inventory.api.fields import FILTER_HELP, VIEW_HELP, tags_field
from inventory.filters import filter_q, read_filter
from inventory.models import Resource, ResourceChange, SavedView
from inventory.queries.costs import resource_lines
from inventory.queries.owners import resource_properties
from inventory.queries.views import saved_view


class ResourceResponse(serializers.ModelSerializer[Resource]):
    organization_id = serializers.UUIDField(source="tenant_id")
    cloud_account_id = serializers.UUIDField(allow_null=True)
    account_id = serializers.CharField(
        source="cloud_account.account_id", default=None, help_text="What the provider calls the account."
    )
    tags = tags_field()
    utilization = tags_field()
    details = tags_field()
    cost_daily = Exact(allow_null=True)
    cost_monthly = Exact(allow_null=True)

    class Meta:
        model = Resource
        fields = (
            "id", "organization_id", "cloud_account_id", "account_id", "provider", "resource_id", "name",
            "resource_type", "region", "state", "tags", "utilization", "details", "cost_daily",
            "cost_monthly", "currency", "created_at", "first_seen_at", "last_seen_at", "updated_at",
        )  # fmt: skip


class ResourceChangeResponse(serializers.ModelSerializer[ResourceChange]):
    import_id = serializers.UUIDField(source="source_import_id", allow_null=True)
    changes = serializers.DictField(
        child=serializers.ListField(child=serializers.JSONField(allow_null=True)),
        help_text="Field → [before, after]; nothing when the resource was new.",
    )

    class Meta:
        model = ResourceChange
        fields = ("id", "at", "kind", "actor", "import_id", "changes")


class ResourceFilter(django_filters.FilterSet):
    request: Request

    provider = django_filters.CharFilter(max_length=32)
    region = django_filters.CharFilter(max_length=255)
    state = django_filters.CharFilter(max_length=63)
    resource_type = django_filters.CharFilter(max_length=255)
    cloud_account_id = django_filters.UUIDFilter()
    filter = django_filters.CharFilter(max_length=2000, method="by_filter", help_text=FILTER_HELP)
    view = django_filters.CharFilter(max_length=255, method="by_view", help_text=VIEW_HELP)

    class Meta:
        model = Resource
        fields: tuple[str, ...] = ("provider", "region", "state", "resource_type")

    def by_filter(self, rows: QuerySet[Resource], name: str, value: str) -> QuerySet[Resource]:
        known = resource_properties(principal_of(self.request).home)
        return rows.filter(filter_q(read_filter(value, known), known))

    def by_view(self, rows: QuerySet[Resource], name: str, value: str) -> QuerySet[Resource]:
        view = saved_view(principal_of(self.request).home, SavedView.Kind.RESOURCES, value)
        return self.by_filter(rows, name, view.filter)


@extend_schema_view(
    list=extend_schema(
        operation_id="resources_list",
        description="The tenant's resources, the newest first.",
        responses=ResourceResponse(many=True),
        tags=["resources"],
    ),
    retrieve=extend_schema(
        operation_id="resources_retrieve",
        description="One resource.",
        responses=ResourceResponse,
        tags=["resources"],
    ),
)
class ResourceViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Resource]):
    """Resources, as they were last told of."""

    queryset = Resource.objects.select_related("cloud_account", "tenant")
    serializer_class = ResourceResponse
    filterset_class = ResourceFilter
    lookup_value_converter = "uuid"
    required_scope = SHARED

    @extend_schema(
        operation_id="resources_history",
        filters=False,
        responses=ResourceChangeResponse(many=True),
        tags=["resources"],
    )
    @action(detail=True, filterset_class=None, filter_backends=[])
    def history(self, request: Request, pk: str) -> Response:
        """What changed about a resource and by which import, the newest first."""
        changes = ResourceChange.objects.for_tenant(self.principal.home).filter(resource=self.get_object())
        return self._page(changes, ResourceChangeResponse)

    @extend_schema(
        operation_id="resources_costs",
        filters=False,
        responses=CostLineResponse(many=True),
        tags=["resources"],
    )
    @action(detail=True, filterset_class=None, filter_backends=[])
    def costs(self, request: Request, pk: str) -> Response:
        """The lines of bills that name this resource, the newest first."""
        lines = resource_lines(self.principal.home, self.get_object())
        return self._page(lines.select_related("charge", "cost_day"), CostLineResponse)

    def _page(self, rows: QuerySet[Any], serializer: type[serializers.BaseSerializer[Any]]) -> Response:
        return self.get_paginated_response(serializer(self.paginate_queryset(rows), many=True).data)

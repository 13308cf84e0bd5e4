"""Saved views of the tenant."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.permissions import refuse_other_tenant
from inventory.api.fields import FILTER_HELP
from inventory.models import SavedView
from inventory.services.views import saved_view_create, saved_view_delete, saved_view_update


class SavedViewUpdateRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    filter = serializers.CharField(max_length=2000, allow_blank=True, default="", help_text=FILTER_HELP)
    group_by = serializers.CharField(
        max_length=2000, allow_blank=True, default="", help_text="Of costs: as of /costs/analytics."
    )


class SavedViewCreateRequest(SavedViewUpdateRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")
    kind = serializers.ChoiceField(SavedView.Kind.choices)


class SavedViewResponse(serializers.ModelSerializer[SavedView]):
    organization_id = serializers.UUIDField(source="tenant_id")

    class Meta:
        model = SavedView
        fields: tuple[str, ...] = (
            "id", "organization_id", "name", "kind", "filter", "group_by", "actor", "created_at",
            "updated_at",
        )  # fmt: skip


@extend_schema_view(
    list=extend_schema(
        operation_id="saved_views_list", description="The tenant's saved views.",
        responses=SavedViewResponse(many=True), tags=["costs"],
    ),
    retrieve=extend_schema(
        operation_id="saved_views_retrieve", description="One view.", responses=SavedViewResponse,
        tags=["costs"],
    ),
)  # fmt: skip
class SavedViewViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[SavedView]):
    """Filters under a name. `view=<id or name>` asks by one, beside whatever else is asked."""

    queryset = SavedView.objects.select_related("tenant")
    serializer_class = SavedViewResponse
    filterset_fields: tuple[str, ...] = ("kind",)
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="saved_views_create",
        request=SavedViewCreateRequest,
        responses={201: SavedViewResponse},
        tags=["costs"],
    )
    def create(self, request: Request) -> Response:
        """Keep a view; 409 when the name is taken or there are 500."""
        given = validated(SavedViewCreateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        view = saved_view_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(SavedViewResponse(view).data, status=201)

    @extend_schema(
        operation_id="saved_views_update",
        request=SavedViewUpdateRequest,
        responses=SavedViewResponse,
        tags=["costs"],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change its name, filter or group_by."""
        changes = SavedViewUpdateRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        view = saved_view_update(by=self.principal, view=self.get_object(), changes=changes.validated_data)
        return Response(SavedViewResponse(view).data)

    @extend_schema(
        operation_id="saved_views_delete",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["costs"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove a view."""
        saved_view_delete(by=self.principal, view=self.get_object())
        return Response(status=204)

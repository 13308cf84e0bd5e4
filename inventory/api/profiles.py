"""Mapping profiles: how a tenant's own kinds of files are read."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from inventory.api.imports import LayoutSettings
from inventory.models import Import, MappingProfile
from inventory.services.profiles import profile_create, profile_delete


class MappingProfileRequest(LayoutSettings):
    name = serializers.SlugField(max_length=63)
    kind = serializers.ChoiceField(Import.Kind.choices)
    columns = serializers.DictField(
        child=serializers.ListField(
            child=serializers.CharField(max_length=1000), min_length=1, max_length=20
        ),
        help_text="Our column → what files call it, the best name first.",
    )
    tag_prefix = serializers.CharField(
        max_length=63, required=False, help_text="Columns that begin with it are tags."
    )


class MappingProfileResponse(serializers.ModelSerializer[MappingProfile]):
    organization_id = serializers.UUIDField(source="tenant_id")
    columns = serializers.DictField(
        source="definition.columns", child=serializers.ListField(child=serializers.CharField())
    )
    provider = serializers.CharField(source="definition.provider")
    currency = serializers.CharField(source="definition.currency")
    date_order = serializers.CharField(source="definition.date_order")
    decimal_comma = serializers.BooleanField(source="definition.decimal_comma")
    keyed = serializers.BooleanField(source="definition.keyed")
    tag_prefix = serializers.CharField(source="definition.tag_prefix")

    class Meta:
        model = MappingProfile
        fields = (
            "id", "organization_id", "name", "kind", "columns", "provider", "currency", "date_order",
            "decimal_comma", "keyed", "tag_prefix", "created_at",
        )  # fmt: skip


class ProfileFilter(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=Import.Kind.choices)

    class Meta:
        model = MappingProfile
        fields: tuple[str, ...] = ("kind",)


@extend_schema_view(
    list=extend_schema(
        operation_id="mapping_profiles_list",
        description="The tenant's own; everybody has plain, focus, aws-cur and azure-ea beside them.",
        responses=MappingProfileResponse(many=True),
        tags=["imports"],
    ),
    retrieve=extend_schema(
        operation_id="mapping_profiles_retrieve",
        description="One profile.",
        responses=MappingProfileResponse,
        tags=["imports"],
    ),
)
class MappingProfileViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[MappingProfile]):
    """Files whose header fits one are read by it without being told."""

    queryset = MappingProfile.objects.all()
    serializer_class = MappingProfileResponse
    filterset_class = ProfileFilter
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="mapping_profiles_create",
        request=MappingProfileRequest,
        responses={201: MappingProfileResponse},
        tags=["imports"],
    )
    def create(self, request: Request) -> Response:
        """Save how a kind of file is read."""
        body: dict[str, Any] = validated(MappingProfileRequest, request)
        profile = profile_create(by=self.principal, tenant=self.principal.home, **body)
        return Response(MappingProfileResponse(profile).data, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="mapping_profiles_delete", responses={204: None}, tags=["imports"])
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a profile; what was imported by it stays."""
        profile_delete(by=self.principal, profile=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

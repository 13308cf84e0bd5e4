"""API keys of the tenant. A key's text is in the answer to its creation and nowhere else."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import NoStoreMixin, TenantViewSet, validated
from accounts.models import ApiKey, Scope
from accounts.permissions import refuse_other_tenant
from accounts.services.keys import (
    DEFAULT_OVERLAP,
    MAX_OVERLAP,
    api_key_create,
    api_key_rotate,
)
from accounts.services.revocation import api_key_revoke


class ApiKeyCreateRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), min_length=1, max_length=5, default=[Scope.WRITE.value]
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    rate_limit = serializers.IntegerField(
        min_value=1,
        max_value=10_000_000,
        required=False,
        allow_null=True,
        default=None,
        help_text="Requests per minute; for platform administrators.",
    )
    tenant_id = serializers.CharField(max_length=63, required=False, default="")


class ApiKeyRotateRequest(serializers.Serializer[Any]):
    overlap_seconds = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OVERLAP,
        default=DEFAULT_OVERLAP,
        help_text="How long the old key goes on working.",
    )


class ApiKeyResponse(serializers.ModelSerializer[ApiKey]):
    scopes = serializers.ListField(child=serializers.CharField())
    user_id = serializers.UUIDField(allow_null=True, help_text="Whose personal token it is.")
    is_active = serializers.BooleanField()

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id", "name", "prefix", "scopes", "user_id", "rate_limit", "is_active",
            "expires_at", "revoked_at", "last_used_at", "created_at", "rotated_from",
        )  # fmt: skip


class ApiKeyCreatedResponse(ApiKeyResponse):
    key = serializers.CharField(help_text="The key itself, shown this once.")

    class Meta(ApiKeyResponse.Meta):
        fields: tuple[str, ...] = (*ApiKeyResponse.Meta.fields, "key")


class ApiKeyFilter(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains", max_length=255)
    revoked = django_filters.BooleanFilter("revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = ("name", "user")


@extend_schema_view(
    list=extend_schema(
        description="The tenant's keys, ended ones too, without their text; for its admins.",
        responses=ApiKeyResponse(many=True),
        tags=["api-keys"],
    ),
    retrieve=extend_schema(
        description="One key of the tenant, without its text.", responses=ApiKeyResponse, tags=["api-keys"]
    ),
)
class ApiKeyViewSet(NoStoreMixin, ListModelMixin, RetrieveModelMixin, TenantViewSet[ApiKey]):
    """API keys, managed by the tenant's admins."""

    queryset = ApiKey.objects.all()
    serializer_class = ApiKeyResponse
    filterset_class = ApiKeyFilter
    required_scope = Scope.ADMIN
    lookup_value_converter = "uuid"

    @extend_schema(request=ApiKeyCreateRequest, responses={201: ApiKeyCreatedResponse}, tags=["api-keys"])
    def create(self, request: Request) -> Response:
        """Give out a key with scopes that the caller has."""
        given = validated(ApiKeyCreateRequest, request)
        refuse_other_tenant(self.principal, given.pop("tenant_id"))
        return _created(*api_key_create(by=self.principal, tenant=self.principal.home, **given))

    @extend_schema(responses={204: OpenApiResponse(description="Revoked")}, tags=["api-keys"])
    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke the key: refused at once here and within seconds everywhere."""
        api_key_revoke(by=self.principal, key=self.get_object())
        return Response(status=204)

    @extend_schema(request=ApiKeyRotateRequest, responses={201: ApiKeyCreatedResponse}, tags=["api-keys"])
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """A successor with the same scopes; the old key works on for `overlap_seconds`."""
        given = validated(ApiKeyRotateRequest, request)
        return _created(*api_key_rotate(by=self.principal, key=self.get_object(), **given))


def _created(key: ApiKey, text: str) -> Response:
    return Response({**ApiKeyResponse(key).data, "key": text}, status=201)

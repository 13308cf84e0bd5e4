"""Cloud accounts of the tenant."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.permissions import refuse_other_tenant
from inventory.models import CloudAccount
from inventory.services.accounts import cloud_account_create, cloud_account_delete, cloud_account_update


class CloudAccountUpdateRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255, required=False, allow_blank=True)
    is_active = serializers.BooleanField(required=False)


class CloudAccountCreateRequest(CloudAccountUpdateRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")
    provider = serializers.CharField(max_length=32, help_text="aws, azure, gcp, gcore or any other name.")
    account_id = serializers.CharField(max_length=255, help_text="What the provider calls it.")


class CloudAccountResponse(serializers.ModelSerializer[CloudAccount]):
    organization_id = serializers.UUIDField(source="tenant_id")

    class Meta:
        model = CloudAccount
        fields = (
            "id", "organization_id", "provider", "account_id", "name", "is_active", "created_at",
            "updated_at",
        )  # fmt: skip


class CloudAccountFilter(django_filters.FilterSet):
    provider = django_filters.CharFilter(max_length=32)

    class Meta:
        model = CloudAccount
        fields: tuple[str, ...] = ("provider", "is_active")


@extend_schema_view(
    list=extend_schema(
        operation_id="cloud_accounts_list", description="The tenant's accounts with its providers.",
        responses=CloudAccountResponse(many=True), tags=["resources"],
    ),
    retrieve=extend_schema(
        operation_id="cloud_accounts_retrieve", description="One account.", responses=CloudAccountResponse,
        tags=["resources"],
    ),
)  # fmt: skip
class CloudAccountViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[CloudAccount]):
    """Accounts. One that a row of resources or costs names for the first time is made by itself."""

    queryset = CloudAccount.objects.select_related("tenant")
    serializer_class = CloudAccountResponse
    filterset_class = CloudAccountFilter
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="cloud_accounts_create",
        request=CloudAccountCreateRequest,
        responses={201: CloudAccountResponse},
        tags=["resources"],
    )
    def create(self, request: Request) -> Response:
        """A new account; 409 when the provider's account is there already."""
        given = validated(CloudAccountCreateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        account = cloud_account_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(CloudAccountResponse(account).data, status=201)

    @extend_schema(
        operation_id="cloud_accounts_update",
        request=CloudAccountUpdateRequest,
        responses=CloudAccountResponse,
        tags=["resources"],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the name of an account, or whether it is in use."""
        changes = validated(CloudAccountUpdateRequest, request)
        account = cloud_account_update(by=self.principal, account=self.get_object(), changes=changes)
        return Response(CloudAccountResponse(account).data)

    @extend_schema(
        operation_id="cloud_accounts_delete",
        responses={204: OpenApiResponse(description="Removed")},
        tags=["resources"],
    )
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove an account; 409 while resources or costs name it."""
        cloud_account_delete(by=self.principal, account=self.get_object())
        return Response(status=204)

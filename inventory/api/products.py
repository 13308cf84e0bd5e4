"""Products, and what they own."""

from typing import Any
from uuid import UUID

import django_filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.permissions import refuse_other_tenant
from accounts.principals import SHARED
from inventory.api.fields import FILTER_HELP
from inventory.models import Product
from inventory.services.products import (
    product_create,
    product_delete,
    product_give,
    product_take,
    product_update,
)

MOST_GIVEN = 1000


class ProductUpdateRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    folder_id = serializers.UUIDField()
    description = serializers.CharField(max_length=2000, allow_blank=True, default="")
    owner = serializers.CharField(
        max_length=254, allow_blank=True, default="", help_text="Whom to ask, by default the caller."
    )
    resource_filter = serializers.CharField(
        max_length=2000, allow_blank=True, default="", help_text=f"It owns these resources. {FILTER_HELP}"
    )
    cost_filter = serializers.CharField(
        max_length=2000,
        allow_blank=True,
        default="",
        help_text="It owns costs of which this is true, beside those of its resources.",
    )


class ProductCreateRequest(ProductUpdateRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")


class ProductGivenRequest(serializers.Serializer[Any]):
    resource_ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=MOST_GIVEN, default=list, help_text="Of /resources."
    )
    cost_ids = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=MOST_GIVEN,
        default=list,
        help_text="Of /costs: each stands for all lines of the same charge, those to come as well.",
    )


class ProductResponse(serializers.ModelSerializer[Product]):
    organization_id = serializers.UUIDField(source="tenant_id")
    folder_id = serializers.UUIDField()
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815  (the older service's names)
    modifiedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815

    class Meta:
        model = Product
        fields: tuple[str, ...] = (
            "id", "organization_id", "folder_id", "name", "description", "owner", "resource_filter",
            "cost_filter", "createdAt", "modifiedAt",
        )  # fmt: skip


class ProductFilter(django_filters.FilterSet):
    folder_id = django_filters.UUIDFilter(help_text="Right in this folder.")

    class Meta:
        model = Product
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(
        operation_id="products_list",
        description="All products that the caller sees, in the order in which they were made.",
        responses=ProductResponse(many=True),
        tags=["folders"],
    ),
    retrieve=extend_schema(
        operation_id="products_retrieve",
        description="One product.",
        responses=ProductResponse,
        tags=["folders"],
    ),
)
class ProductViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Product]):
    """Each resource and each line of a bill has one product at most; what has none is unallocated."""

    queryset = Product.objects.select_related("tenant")
    serializer_class = ProductResponse
    filterset_class = ProductFilter
    lookup_value_converter = "uuid"
    required_scope = SHARED
    pagination_class = None

    @extend_schema(
        operation_id="products_create",
        request=ProductCreateRequest,
        responses={201: ProductResponse},
        tags=["folders"],
    )
    def create(self, request: Request) -> Response:
        """A new product, for whoever may edit the folder; 429 when the caller made one lately."""
        given = validated(ProductCreateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        product = product_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(ProductResponse(product).data, status=201)

    @extend_schema(
        operation_id="products_update",
        request=ProductUpdateRequest,
        responses=ProductResponse,
        tags=["folders"],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change it, or move it into another folder that the caller may edit."""
        changes = ProductUpdateRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        product = product_update(by=self.principal, product=self.get_object(), changes=changes.validated_data)
        return Response(ProductResponse(product).data)

    @extend_schema(
        operation_id="products_delete",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["folders"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove it; what it owned is then another product's that it matches, or nobody's."""
        product_delete(by=self.principal, product=self.get_object())
        return Response(status=204)

    @extend_schema(
        operation_id="products_give",
        request=ProductGivenRequest,
        responses={204: OpenApiResponse(description="Given")},
        tags=["folders"],
    )
    @action(detail=True, methods=["post"])
    def give(self, request: Request, pk: UUID) -> Response:
        """Give it resources and costs by hand, whatever any filter says; for those who may write."""
        product_give(by=self.principal, product=self.get_object(), **validated(ProductGivenRequest, request))
        return Response(status=204)

    @extend_schema(
        operation_id="products_take",
        request=ProductGivenRequest,
        responses={204: OpenApiResponse(description="Taken back")},
        tags=["folders"],
    )
    @action(detail=True, methods=["post"])
    def take(self, request: Request, pk: UUID) -> Response:
        """Take back what it was given by hand; the filters say again whose that is."""
        product_take(by=self.principal, product=self.get_object(), **validated(ProductGivenRequest, request))
        return Response(status=204)

"""Folders and what is in them. These lists are plain arrays, as the older service's were."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.permissions import refuse_other_tenant
from accounts.principals import SHARED, Principal
from inventory.api.products import ProductResponse
from inventory.models import Folder, FolderPermission
from inventory.queries.folders import folder_paths, levels_of, products_seen
from inventory.services.folders import folder_create, folder_delete, folder_update


class FolderUpdateRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=2000, allow_blank=True, default="")
    owner = serializers.CharField(
        max_length=254, allow_blank=True, default="", help_text="Whom to ask, by default the caller."
    )
    parent_id = serializers.UUIDField(
        allow_null=True, default=None, help_text="The folder that it is in; null: at the top."
    )


class FolderCreateRequest(FolderUpdateRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")


class FolderResponse(serializers.ModelSerializer[Folder]):
    organization_id = serializers.UUIDField(source="tenant_id")
    parent_id = serializers.SerializerMethodField(help_text="Null at the top of what the caller sees.")
    path = serializers.SerializerMethodField(help_text="As reports and filters name it.")
    level = serializers.SerializerMethodField(help_text="What the caller may do in it.")
    products = serializers.SerializerMethodField(help_text="The ids of those right in it.")
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815  (the older service's names)
    modifiedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815

    class Meta:
        model = Folder
        fields: tuple[str, ...] = (
            "id", "organization_id", "parent_id", "name", "path", "description", "owner", "level", "products",
            "createdAt", "modifiedAt",
        )  # fmt: skip

    def get_parent_id(self, folder: Folder) -> UUID | None:
        return folder.parent_id if folder.parent_id in self.context["paths"] else None

    def get_path(self, folder: Folder) -> str:
        return str(self.context["paths"][folder.pk])

    def get_level(self, folder: Folder) -> FolderPermission.Level:
        return FolderPermission.Level(self.context["levels"][folder.pk])

    def get_products(self, folder: Folder) -> list[UUID]:
        return list(self.context["products"][folder.pk])


class FoldersAndProductsResponse(serializers.Serializer[Any]):
    folders = FolderResponse(many=True, help_text="Those that have products.")
    products = ProductResponse(many=True)


class FolderViewSet(TenantViewSet[Folder]):
    """Folders that the caller sees: all of the tenant's, or those that were shared with a guest."""

    queryset = Folder.objects.select_related("tenant")
    serializer_class = FolderResponse
    lookup_value_converter = "uuid"
    required_scope = SHARED
    pagination_class = None
    filter_backends = ()

    @extend_schema(operation_id="folders_list", responses=FolderResponse(many=True), tags=["folders"])
    def list(self, request: Request) -> Response:
        """All folders that the caller sees, in the order in which they were made."""
        return Response(FolderResponse(self.get_queryset(), many=True, context=context(self.principal)).data)

    @extend_schema(operation_id="folders_retrieve", responses=FolderResponse, tags=["folders"])
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One folder."""
        return self._answer(self.get_object())

    @extend_schema(
        operation_id="folders_create",
        request=FolderCreateRequest,
        responses={201: FolderResponse},
        tags=["folders"],
    )
    def create(self, request: Request) -> Response:
        """A new folder, which its creator manages. In a folder, for whoever may edit that."""
        given = validated(FolderCreateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        folder = folder_create(by=self.principal, tenant=self.principal.home, **given)
        return self._answer(folder, status=201)

    @extend_schema(
        operation_id="folders_update", request=FolderUpdateRequest, responses=FolderResponse, tags=["folders"]
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change it, for whoever may edit it; move it, for whoever manages it."""
        changes = FolderUpdateRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        return self._answer(
            folder_update(by=self.principal, folder=self.get_object(), changes=changes.validated_data)
        )

    @extend_schema(
        operation_id="folders_delete",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["folders"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove an empty folder; 409 when it is not."""
        folder_delete(by=self.principal, folder=self.get_object())
        return Response(status=204)

    @extend_schema(
        operation_id="folders_and_products", responses=FoldersAndProductsResponse, tags=["folders"]
    )
    @action(detail=False, url_path="folders-and-products")
    def folders_and_products(self, request: Request) -> Response:
        """All products that the caller sees, and the folders that they are in."""
        products = list(products_seen(self.principal.home))
        folders = self.get_queryset().filter(pk__in={product.folder_id for product in products})
        body = {"folders": folders, "products": products}
        return Response(FoldersAndProductsResponse(body, context=context(self.principal)).data)

    @extend_schema(exclude=True)
    @action(detail=False, methods=["post"], url_path="create", url_name="create")
    def create_at_older_path(self, request: Request) -> Response:
        """Where the older service's clients create folders, too."""
        return self.create(request)

    def _answer(self, folder: Folder, status: int = 200) -> Response:
        return Response(FolderResponse(folder, context=context(self.principal)).data, status=status)


def context(by: Principal) -> dict[str, Any]:
    """What FolderResponse tells of all folders that the caller sees."""
    products: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for pk, folder in products_seen(by.home).values_list("pk", "folder_id"):
        products[folder].append(pk)
    return {"paths": folder_paths(by.home), "levels": levels_of(by), "products": products}

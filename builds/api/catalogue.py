"""The catalogue: shared rows, and the tenant's own."""

import re
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.base import validated
from accounts.errors import NotFound
from accounts.models import Scope
from accounts.permissions import principal_of, refuse_other_tenant
from accounts.principals import Principal
from builds.api.lists import SkipPagination
from builds.models import CatalogueRow, ImageType, OsVersion, Platform
from builds.models.catalogue import validate_slug
from builds.services.catalogue import catalogue_create, catalogue_update

DELETED = OpenApiResponse(description="Retired")
RETIRED_TOO = OpenApiParameter("include_deactivated", bool, description="Retired rows too.")
SCOPES = {"DELETE": Scope.ADMIN}
COMMON = ("id", "slug", "name")
TIMES = ("is_active", "created_at", "updated_at", "deactivated_at")


def slug_of(*names: str) -> str:
    """A slug made of names: Ubuntu, 22.04 → ubuntu-22.04."""
    return re.sub(r"[^a-z0-9._]+", "-", "-".join(names).lower()).strip("-._")[:63]


class SluggedRequest(serializers.Serializer[Any]):
    """What is created has a slug, its own or one made of its name."""

    slug = serializers.CharField(max_length=63, required=False, validators=[validate_slug])
    tenant_id = serializers.CharField(max_length=63, required=False, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["slug"] = attrs.get("slug") or slug_of(attrs["name"], *filter(None, [attrs.get("version")]))
        if not attrs["slug"]:
            raise serializers.ValidationError({"slug": ["Give one; none can be made of the name."]})
        return attrs


class SharedRequest(SluggedRequest):
    shared = serializers.BooleanField(default=False, help_text="For all tenants; by the platform alone.")


class RowResponse(serializers.ModelSerializer[Any]):
    shared = serializers.SerializerMethodField(help_text="Read by all tenants, written by the platform.")
    is_active = serializers.BooleanField()

    def get_shared(self, row: CatalogueRow) -> bool:
        return row.tenant_id is None


class PlatformFields(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=50)
    cloud_provider = serializers.CharField(max_length=50)
    region = serializers.CharField(max_length=50, required=False, allow_blank=True)


class PlatformCreateRequest(SharedRequest, PlatformFields):
    pass


class PlatformUpdateRequest(PlatformFields):
    is_active = serializers.BooleanField(required=False)


class PlatformResponse(RowResponse):
    class Meta:
        model = Platform
        fields: tuple[str, ...] = (*COMMON, "cloud_provider", "region", "shared", *TIMES)


class OsVersionFields(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    version = serializers.CharField(max_length=50)


class OsVersionCreateRequest(SharedRequest, OsVersionFields):
    pass


class OsVersionUpdateRequest(OsVersionFields):
    is_active = serializers.BooleanField(required=False)


class OsVersionResponse(RowResponse):
    class Meta:
        model = OsVersion
        fields: tuple[str, ...] = (*COMMON, "version", "shared", *TIMES)


class ImageTypeFields(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)


class ImageTypeCreateRequest(SharedRequest, ImageTypeFields):
    pass


class ImageTypeUpdateRequest(ImageTypeFields):
    is_active = serializers.BooleanField(required=False)


class ImageTypeResponse(RowResponse):
    class Meta:
        model = ImageType
        fields: tuple[str, ...] = (*COMMON, "description", "shared", *TIMES)


class CatalogueViewSet(GenericViewSet[Any]):
    """Base of the three; a row is named by its slug or id. Retired rows are still found by name."""

    pagination_class = SkipPagination
    required_scope: Any = SCOPES
    filter_backends = ()
    row: type[CatalogueRow]
    create_request: type[serializers.Serializer[Any]]
    update_request: type[serializers.Serializer[Any]]

    @property
    def principal(self) -> Principal:
        return principal_of(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows.none()  # type: ignore[no-any-return]
        return rows.visible_to(self.principal.home)  # type: ignore[no-any-return]

    def get_object(self) -> Any:
        rows: Any = self.get_queryset()
        found = rows.named(self.kwargs["slug"])
        if found is None:
            raise NotFound("There is no such row in the catalogue.")
        return found

    def list(self, request: Request) -> Response:
        """The shared rows and the tenant's own, by slug."""
        rows: Any = self.get_queryset()
        everything = request.query_params.get("include_deactivated", "").lower() in ("true", "1")
        page = self.paginate_queryset(rows if everything else rows.active())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, slug: str) -> Response:
        """One row, by slug or id."""
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        """A row of the tenant's own; 409 when the slug is taken."""
        given = validated(self.create_request, request)
        refuse_other_tenant(self.principal, given.pop("tenant_id"))
        row = catalogue_create(by=self.principal, tenant=self.principal.home, model=self.row, **given)
        return Response(self.get_serializer(row).data, status=201)

    def update(self, request: Request, slug: str) -> Response:
        """Change what is given but the slug; `is_active` retires a row and brings it back."""
        found = self.get_object()
        changes = self.update_request(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        row = catalogue_update(by=self.principal, row=found, changes=changes.validated_data)
        return Response(self.get_serializer(row).data)

    def partial_update(self, request: Request, slug: str) -> Response:
        """The same as PUT."""
        return self.update(request, slug)

    def destroy(self, request: Request, slug: str) -> Response:
        """Retire it: no new build names it. 409 `in_use` while open builds do."""
        catalogue_update(by=self.principal, row=self.get_object(), changes={"is_active": False})
        return Response(status=204)


def documented(
    noun: str, create: type[serializers.Serializer[Any]], update: type[serializers.Serializer[Any]],
    response: type[serializers.Serializer[Any]],
) -> Any:  # fmt: skip
    """The operations of one kind of row in the OpenAPI document."""

    def told(verb: str, **others: Any) -> Any:
        return extend_schema(operation_id=f"{noun}_{verb}", tags=["build catalogue"], **others)

    return extend_schema_view(
        list=told("list", responses=response(many=True), parameters=[RETIRED_TOO]),
        retrieve=told("retrieve", responses=response),
        create=told("create", request=create, responses={201: response}),
        update=told("update", request=update, responses=response),
        partial_update=told("partial_update", request=update, responses=response),
        destroy=told("destroy", responses={204: DELETED}),
    )


@documented("platforms", PlatformCreateRequest, PlatformUpdateRequest, PlatformResponse)
class PlatformViewSet(CatalogueViewSet):
    queryset = Platform.objects.all()
    row = Platform
    serializer_class = PlatformResponse
    create_request = PlatformCreateRequest
    update_request = PlatformUpdateRequest


@documented("os_versions", OsVersionCreateRequest, OsVersionUpdateRequest, OsVersionResponse)
class OsVersionViewSet(CatalogueViewSet):
    queryset = OsVersion.objects.all()
    row = OsVersion
    serializer_class = OsVersionResponse
    create_request = OsVersionCreateRequest
    update_request = OsVersionUpdateRequest


@documented("image_types", ImageTypeCreateRequest, ImageTypeUpdateRequest, ImageTypeResponse)
class ImageTypeViewSet(CatalogueViewSet):
    queryset = ImageType.objects.all()
    row = ImageType
    serializer_class = ImageTypeResponse
    create_request = ImageTypeCreateRequest
    update_request = ImageTypeUpdateRequest

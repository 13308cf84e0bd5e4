"""Tenants and their members."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.api.base import TenantViewSet, validated
from accounts.errors import NotFound
from accounts.models import Membership, Scope, Tenant, User
from accounts.permissions import HasScope, IsPlatform, IsReader, principal_of
from accounts.queries import tenants_visible
from accounts.services.tenants import (
    member_add,
    member_of,
    member_remove,
    member_set_role,
    tenant_create,
    tenant_update,
)


class TenantResponse(serializers.ModelSerializer[Tenant]):
    cors_origins = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Tenant
        fields: tuple[str, ...] = (
            "id", "slug", "name", "timezone", "currency", "contact_email", "cors_origins",
            "rate_limit", "is_active", "created_at", "updated_at",
        )  # fmt: skip


class TenantUpdateRequest(serializers.ModelSerializer[Tenant]):
    cors_origins = serializers.ListField(child=serializers.CharField(max_length=300), max_length=50)

    class Meta:
        model = Tenant
        fields: tuple[str, ...] = (
            "name",
            "timezone",
            "currency",
            "contact_email",
            "cors_origins",
            "rate_limit",
        )


class TenantCreateRequest(TenantUpdateRequest):
    cors_origins = serializers.ListField(
        child=serializers.CharField(max_length=300), max_length=50, required=False
    )
    slug = serializers.SlugField(max_length=63)
    owner_email = serializers.EmailField(required=False, help_text="An account that becomes its owner.")

    class Meta(TenantUpdateRequest.Meta):
        fields: tuple[str, ...] = ("slug", *TenantUpdateRequest.Meta.fields, "owner_email")


class MemberAddRequest(serializers.Serializer[Any]):
    email = serializers.EmailField(required=False)
    user_id = serializers.UUIDField(required=False, help_text="Instead of the e-mail address.")
    role = serializers.ChoiceField(Membership.Role.choices, default=Membership.Role.MEMBER.value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("email" in attrs) == ("user_id" in attrs):
            raise serializers.ValidationError({"email": "Give an e-mail address or a user_id."})
        return attrs


class MemberUpdateRequest(serializers.Serializer[Any]):
    role = serializers.ChoiceField(Membership.Role.choices)


class MemberResponse(serializers.ModelSerializer[Membership]):
    user_id = serializers.UUIDField()
    email = serializers.EmailField(source="user.email")
    username = serializers.CharField(source="user.username", allow_null=True)
    is_active = serializers.BooleanField(source="user.is_active")

    class Meta:
        model = Membership
        fields: tuple[str, ...] = ("user_id", "email", "username", "role", "is_active", "created_at")


@extend_schema_view(
    list=extend_schema(
        description="The caller's tenants; all of them for the platform.",
        responses=TenantResponse(many=True),
        tags=["tenants"],
    )
)
class TenantsViewSet(ListModelMixin, GenericViewSet[Tenant]):
    """The caller's tenants: all of them for the platform. `{tenant_id}` is a slug or a UUID."""

    queryset = Tenant.objects.none()
    serializer_class = TenantResponse
    filterset_fields = ("slug", "is_active")
    required_scope = {"PATCH": Scope.ADMIN}

    def get_permissions(self) -> list[BasePermission]:
        if self.action in {"retrieve", "partial_update"}:
            return [HasScope()]
        return [IsPlatform() if self.action == "create" else IsReader()]

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return tenants_visible(principal_of(self.request)).order_by("slug")

    @extend_schema(request=TenantCreateRequest, responses={201: TenantResponse}, tags=["tenants"])
    def create(self, request: Request) -> Response:
        """A new tenant; platform administrators only."""
        given = validated(TenantCreateRequest, request)
        owner = _user(email=given.pop("owner_email")) if "owner_email" in given else None
        tenant = tenant_create(by=principal_of(request), owner=owner, **given)
        return Response(TenantResponse(tenant).data, status=201)

    @extend_schema(responses=TenantResponse, tags=["tenants"])
    def retrieve(self, request: Request, tenant_id: str) -> Response:
        """One of the caller's tenants."""
        return Response(TenantResponse(principal_of(request).home).data)

    @extend_schema(request=TenantUpdateRequest, responses=TenantResponse, tags=["tenants"])
    def partial_update(self, request: Request, tenant_id: str) -> Response:
        """Change its name, zone, currency, contact or web origins; its limits are the platform's."""
        principal = principal_of(request)
        changes = TenantUpdateRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        tenant = tenant_update(by=principal, tenant=principal.home, changes=changes.validated_data)
        return Response(TenantResponse(tenant).data)


@extend_schema_view(
    list=extend_schema(
        description="Who belongs to the tenant, and as what; for its admins.",
        responses=MemberResponse(many=True),
        tags=["tenants"],
    )
)
class MembersViewSet(ListModelMixin, TenantViewSet[Membership]):
    """Who belongs to a tenant, and as what; for its admins."""

    queryset = Membership.objects.select_related("user")
    serializer_class = MemberResponse
    filterset_fields = ("role",)
    required_scope = Scope.ADMIN

    @extend_schema(request=MemberAddRequest, responses={201: MemberResponse}, tags=["tenants"])
    def create(self, request: Request, tenant_id: str) -> Response:
        """Let a person who has an account in."""
        given = validated(MemberAddRequest, request)
        role = given.pop("role")
        member = member_add(by=self.principal, tenant=self.principal.home, user=_user(**given), role=role)
        return Response(MemberResponse(member).data, status=201)

    @extend_schema(request=MemberUpdateRequest, responses=MemberResponse, tags=["tenants"])
    def partial_update(self, request: Request, tenant_id: str, user_id: UUID) -> Response:
        """Change the role; 409 for the last active owner."""
        role = validated(MemberUpdateRequest, request)["role"]
        member = member_set_role(by=self.principal, member=self._member(user_id), role=role)
        return Response(MemberResponse(member).data)

    @extend_schema(responses={204: OpenApiResponse(description="Removed")}, tags=["tenants"])
    def destroy(self, request: Request, tenant_id: str, user_id: UUID) -> Response:
        """End the membership and the person's own tokens in the tenant; 409 for the last active owner."""
        member_remove(by=self.principal, member=self._member(user_id))
        return Response(status=204)

    def _member(self, user_id: UUID) -> Membership:
        return member_of(tenant=self.principal.home, user_id=user_id)


def _user(**known_by: Any) -> User:
    names = {"email": "email__iexact", "user_id": "pk"}
    user = User.objects.filter(is_active=True, **{names[k]: v for k, v in known_by.items()}).first()
    if user is None:
        raise NotFound(
            "There is no active account like that; invite them with POST /tenants/{id}/invitations."
        )
    return user

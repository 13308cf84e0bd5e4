"""People, as their tenant's admins, the platform and they themselves see and change them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts import row_security
from accounts.api.auth import PasswordField
from accounts.api.base import NoStoreMixin, validated
from accounts.authentication import bind_to_log
from accounts.errors import NotFound, ValidationFailed
from accounts.models import ApiKey, Membership, Scope, Tenant, User
from accounts.models.users import validate_username
from accounts.permissions import entered, principal_of, refuse_other_tenant, tenant_names
from accounts.principals import Principal, only_tenant
from accounts.queries import personal_tokens, user_find, users_visible
from accounts.services.keys import api_key_create
from accounts.services.revocation import api_key_revoke
from accounts.services.users import user_create, user_deactivate, user_update

MOST_TOKENS = 200


class UserAccess(BasePermission):
    """People act on themselves; on others only the platform and, inside their tenant, its admins.

    The platform may stay outside of any tenant and then sees everybody. A personal token that reads may
    look its person up; one without `admin` changes nothing about them.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        principal = principal_of(request)
        myself = _is_self(principal, view.kwargs.get("pk"))
        if tenant_names(request) or not (myself or principal.platform):
            principal = entered(request)
        if not myself and not principal.platform:
            principal.require(Scope.ADMIN)
        if principal.kind == "api_key":
            principal.require(Scope.READ if request.method in SAFE_METHODS else Scope.ADMIN)
        request.auth = principal
        bind_to_log(principal)
        if principal.tenant is not None:
            row_security.enter(principal.tenant.pk)
        return True


class UserResponse(serializers.ModelSerializer[User]):
    role = serializers.SerializerMethodField(help_text="`admin`: platform administrator; else `user`.")

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "id", "username", "email", "first_name", "last_name", "employee_id", "job_title", "timezone",
            "role", "is_active", "is_superuser", "email_verified", "deactivated_at", "last_login",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_role(self, user: User) -> str:
        return "admin" if user.is_superuser else "user"


class ProfileFields(serializers.Serializer[Any]):
    """What people may write; nothing here makes anybody more powerful."""

    username = serializers.CharField(required=False, allow_null=True, validators=[validate_username])
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    employee_id = serializers.CharField(max_length=64, required=False, allow_blank=True)
    job_title = serializers.CharField(max_length=150, required=False, allow_blank=True)
    timezone = serializers.CharField(max_length=63, required=False)
    is_superuser = serializers.BooleanField(
        required=False, help_text="Platform administrator; only the platform may change it."
    )


class UserCreateRequest(ProfileFields):
    email = serializers.EmailField(max_length=254)
    password = PasswordField(min_length=8, required=False, allow_null=True, default=None)
    role = serializers.ChoiceField(
        Membership.Role.choices, default=Membership.Role.MEMBER.value, help_text="In the tenant."
    )
    tenant_id = serializers.CharField(max_length=63, required=False, default="")


class UserUpdateRequest(ProfileFields):
    email = serializers.EmailField(max_length=254, required=False)
    password = PasswordField(min_length=8, required=False)
    current_password = PasswordField(
        required=False, help_text="Needed to change one's own e-mail address or password."
    )
    is_active = serializers.BooleanField(required=False)


class UserCreatedResponse(UserResponse):
    status = serializers.CharField(help_text="`created`")

    class Meta(UserResponse.Meta):
        fields: tuple[str, ...] = (*UserResponse.Meta.fields, "status")


class UserUpdatedResponse(UserResponse):
    status = serializers.CharField(help_text="`updated` or `deactivated`")
    user_id = serializers.UUIDField()

    class Meta(UserResponse.Meta):
        fields: tuple[str, ...] = (*UserResponse.Meta.fields, "status", "user_id")


class ProfileResponse(serializers.ModelSerializer[User]):
    user_id = serializers.UUIDField(source="id")
    start_date = serializers.DateTimeField(source="created_at")
    end_date = serializers.DateTimeField(source="deactivated_at", allow_null=True)

    class Meta:
        model = User
        fields: tuple[str, ...] = (
            "id", "user_id", "username", "email", "first_name", "last_name", "employee_id", "job_title",
            "timezone", "is_active", "start_date", "end_date", "deactivated_at", "created_at",
        )  # fmt: skip


class UserTokenCreateRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), min_length=1, max_length=5, default=[Scope.READ.value]
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    expires_in_days = serializers.IntegerField(min_value=1, max_value=3650, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        days = attrs.pop("expires_in_days", None)
        if days is not None:
            attrs["expires_at"] = timezone.now() + timedelta(days=days)
        return attrs


class UserTokenResponse(serializers.ModelSerializer[ApiKey]):
    user_id = serializers.UUIDField()
    scopes = serializers.ListField(child=serializers.CharField())
    is_active = serializers.BooleanField()

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id", "user_id", "name", "prefix", "scopes", "expires_at", "is_active", "last_used_at",
            "created_at",
        )  # fmt: skip


class UserTokenCreatedResponse(UserTokenResponse):
    token = serializers.CharField(help_text="The token itself, shown this once.")
    status = serializers.CharField(help_text="`created`")

    class Meta(UserTokenResponse.Meta):
        fields: tuple[str, ...] = (*UserTokenResponse.Meta.fields, "token", "status")


class UserTokensResponse(serializers.Serializer[Any]):
    tokens = UserTokenResponse(many=True)


class UserTokenEndedResponse(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="`deactivated`")
    token_id = serializers.UUIDField()


class UserFilter(django_filters.FilterSet):
    email = django_filters.CharFilter(lookup_expr="icontains", max_length=254)

    class Meta:
        model = User
        fields: tuple[str, ...] = ("email", "is_active")


@extend_schema_view(
    list=extend_schema(
        description="The members of the tenant, for its admins; everybody for the platform outside of any.",
        responses=UserResponse(many=True),
        tags=["users"],
    )
)
class UserViewSet(NoStoreMixin, ListModelMixin, GenericViewSet[User]):
    """`{id}` is a UUID, or `me` for oneself."""

    queryset = User.objects.all()
    serializer_class = UserResponse
    filterset_class = UserFilter
    permission_classes = (UserAccess,)
    lookup_value_converter = "str"

    @property
    def principal(self) -> Principal:
        return principal_of(self.request)

    def get_queryset(self) -> QuerySet[User]:
        if getattr(self, "swagger_fake_view", False):
            return User.objects.none()
        return users_visible(self.principal).order_by("email")

    def get_object(self) -> User:
        name = self.kwargs["pk"]
        if _is_self(self.principal, name) and self.principal.user is not None:
            return self.principal.user
        return user_find(self.principal, _uuid(name))

    @extend_schema(request=UserCreateRequest, responses={201: UserCreatedResponse}, tags=["users"])
    def create(self, request: Request) -> Response:
        """A new person, and a member of the caller's tenant. 409 when e-mail or username is taken."""
        given, principal = validated(UserCreateRequest, request), self.principal
        if name := given.pop("tenant_id"):
            principal = principal if principal.tenant else principal.enter(name)
            refuse_other_tenant(principal, name)
        user = user_create(by=principal, tenant=principal.tenant or only_tenant(principal.user), **given)
        return Response({**UserResponse(user).data, "status": "created"}, status=201)

    @extend_schema(responses=UserResponse, tags=["users"])
    def retrieve(self, request: Request, pk: str) -> Response:
        """One person, or oneself; readable also after deactivation."""
        return Response(UserResponse(self.get_object()).data)

    @extend_schema(request=UserUpdateRequest, responses=UserUpdatedResponse, tags=["users"])
    def update(self, request: Request, pk: str) -> Response:
        """Change what is given; `is_active: false` deactivates. A tenant's admins change profiles; what
        somebody signs in with, and whether they may, is changed by the person or the platform."""
        changes = validated(UserUpdateRequest, request)
        return _changed(user_update(by=self.principal, user=self.get_object(), changes=changes), "updated")

    @extend_schema(request=UserUpdateRequest, responses=UserUpdatedResponse, tags=["users"])
    def partial_update(self, request: Request, pk: str) -> Response:
        """The same as PUT."""
        return self.update(request, pk)

    @extend_schema(responses={200: UserUpdatedResponse}, tags=["users"])
    def destroy(self, request: Request, pk: str) -> Response:
        """Deactivate: every sign-in and personal token ends now; the person stays readable. For the person
        and the platform: a tenant's admins remove the membership instead."""
        return _changed(user_deactivate(by=self.principal, user=self.get_object()), "deactivated")

    @extend_schema(responses=ProfileResponse, tags=["users"])
    @action(detail=True)
    def profile(self, request: Request, pk: str) -> Response:
        """When somebody joined and left, and as what; readable also after deactivation."""
        return Response(ProfileResponse(self.get_object()).data)

    @extend_schema(responses=UserTokensResponse, tags=["users"])
    @action(detail=True)
    def tokens(self, request: Request, pk: str) -> Response:
        """The person's own keys in the tenant, without their secrets."""
        user = self.get_object()
        rows = personal_tokens(self._tenant_for(user).home, user)[:MOST_TOKENS]
        return Response({"tokens": UserTokenResponse(rows, many=True).data})

    @extend_schema(request=UserTokenCreateRequest, responses={201: UserTokenCreatedResponse}, tags=["users"])
    @tokens.mapping.post
    def create_token(self, request: Request, pk: str) -> Response:
        """A key of this person, never stronger than their role or the caller."""
        user = self.get_object()
        given = validated(UserTokenCreateRequest, request)
        inside = self._tenant_for(user)
        key, text = api_key_create(by=inside, tenant=inside.home, user=user, **given)
        return Response({**UserTokenResponse(key).data, "token": text, "status": "created"}, status=201)

    @extend_schema(responses={200: UserTokenEndedResponse}, tags=["users"])
    @action(detail=True, methods=["delete"], url_path="tokens/<uuid:token_id>")
    def end_token(self, request: Request, pk: str, token_id: UUID) -> Response:
        """Revoke one of the person's keys."""
        user = self.get_object()
        inside = self._tenant_for(user)
        key = personal_tokens(inside.home, user).filter(pk=token_id).first()
        if key is None:
            raise NotFound("This person has no such token here.")
        api_key_revoke(by=inside, key=key)
        return Response({"status": "deactivated", "token_id": token_id})

    def _tenant_for(self, user: User) -> Principal:
        """The caller inside a tenant: the one entered, else the only one of the person."""
        if self.principal.tenant is not None:
            return self.principal
        tenant: Tenant | None = only_tenant(user)
        if tenant is None:
            raise ValidationFailed.field("tenant_id", "name the tenant (X-Tenant-ID or tenant_id).")
        return self.principal.enter(tenant.slug)


@extend_schema_view(
    retrieve=extend_schema(
        operation_id="users_me_retrieve",
        description="Oneself. What hangs below, such as `/users/me/profile`, is `/users/{id}/profile`.",
    ),
    update=extend_schema(operation_id="users_me_update"),
    partial_update=extend_schema(operation_id="users_me_partial_update"),
)
class MeViewSet(UserViewSet):
    """Oneself."""


def _changed(user: User, status: str) -> Response:
    return Response({**UserResponse(user).data, "status": status, "user_id": user.pk})


def _is_self(principal: Principal, name: str | None) -> bool:
    return principal.user is not None and name in {"me", str(principal.user.pk)}


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFound("There is no such person.") from error

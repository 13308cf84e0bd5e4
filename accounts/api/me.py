"""Who am I?"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsPlatform, IsSignedIn, principal_of
from accounts.principals import Principal
from accounts.queries import tenants_of


class MeTenant(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="tenant.id")
    slug = serializers.CharField(source="tenant.slug")
    name = serializers.CharField(source="tenant.name")
    role = serializers.CharField()


class MeResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True, help_text="The person's id, else the key's.")
    kind = serializers.ChoiceField(["user", "api_key", "master"])
    email = serializers.EmailField(allow_null=True)
    username = serializers.CharField(allow_null=True)
    role = serializers.CharField(help_text="`admin`: platform administrator; `user`; `api_key`.")
    is_active = serializers.BooleanField()
    scopes = serializers.ListField(child=serializers.CharField(), help_text="Of the API key.")
    tenants = MeTenant(many=True)


class MeView(APIView):
    """The caller, whatever the credential, and the tenants that they may act in."""

    permission_classes = (IsSignedIn,)

    @extend_schema(responses=MeResponse, tags=["auth"])
    def get(self, request: Request) -> Response:
        return Response(MeResponse(_me(principal_of(request))).data)


class AdminPingResponse(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    message = serializers.CharField()


class AdminPingView(APIView):
    """Answers platform administrators only (others: 403)."""

    permission_classes = (IsPlatform,)

    @extend_schema(responses=AdminPingResponse, tags=["auth"])
    def get(self, request: Request) -> Response:
        return Response({"ok": True, "message": "You are a platform administrator."})


def _me(principal: Principal) -> dict[str, Any]:
    user = principal.user
    role = "admin" if principal.platform else "user" if user else "api_key"
    return {
        "id": user.pk if user else principal.key_id,
        "kind": principal.kind,
        "email": user.email if user else None,
        "username": user.username if user else principal.actor,
        "role": role,
        "is_active": True,
        "scopes": sorted(principal.scopes),
        "tenants": tenants_of(principal),
    }

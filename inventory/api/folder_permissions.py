"""Who may do what in a folder."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import validated
from accounts.errors import NotFound
from accounts.permissions import principal_of, refuse_other_tenant
from accounts.principals import SHARED, Principal
from inventory.models import Folder, FolderPermission
from inventory.queries.folders import Level, require_level
from inventory.services.folder_permissions import (
    folder_permission_change,
    folder_permission_grant,
    folder_permission_revoke,
)

TENANT = OpenApiParameter("tenant_id", OpenApiTypes.STR)


class FolderPermissionChangeRequest(serializers.Serializer[Any]):
    level = serializers.ChoiceField(Level.choices)


class FolderPermissionRequest(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")
    folder_id = serializers.UUIDField()
    email = serializers.EmailField(max_length=254)
    level = serializers.ChoiceField(Level.choices, default=Level.VIEW.value)


class FolderPermissionResponse(serializers.ModelSerializer[FolderPermission]):
    folder_id = serializers.UUIDField()
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815  (the older service's names)
    modifiedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815

    class Meta:
        model = FolderPermission
        fields: tuple[str, ...] = ("id", "folder_id", "email", "level", "createdAt", "modifiedAt")


class FolderPermissionsView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="folder_permissions_grant",
        request=FolderPermissionRequest,
        responses={201: FolderPermissionResponse},
        tags=["folders"],
    )
    def post(self, request: Request) -> Response:
        """Let the person of an address into a folder and all below it, as a guest if they are no member.

        Who has no account with a proven address is mailed an invitation. 409 when they have a right there.
        """
        given = validated(FolderPermissionRequest, request)
        by = principal_of(request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(by, given.pop(name))
        folder = folder_seen(by, given.pop("folder_id"))
        permission = folder_permission_grant(by=by, folder=folder, **given)
        return Response(FolderPermissionResponse(permission).data, status=201)


class OlderFolderPermissionsView(FolderPermissionsView):
    """Where the older service's clients grant rights, too."""

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        return super().post(request)


class FolderPermissionListView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="folder_permissions_list",
        parameters=[TENANT],
        responses=FolderPermissionResponse(many=True),
        tags=["folders"],
    )
    def get(self, request: Request, folder_id: UUID) -> Response:
        """The rights given in this very folder, for those who manage it."""
        by = principal_of(request)
        require_level(by, folder_id, Level.MANAGE)
        rows = FolderPermission.objects.for_tenant(by.home).filter(folder=folder_id)
        return Response(FolderPermissionResponse(rows, many=True).data)


class FolderPermissionView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="folder_permissions_retrieve",
        parameters=[TENANT],
        responses=FolderPermissionResponse,
        tags=["folders"],
    )
    def get(self, request: Request, folder_id: UUID, email: str) -> Response:
        """The right of one person, for those who manage the folder and that person."""
        by = principal_of(request)
        mine = by.user is not None and by.user.email == email.lower()
        require_level(by, folder_id, Level.VIEW if mine else Level.MANAGE)
        return Response(FolderPermissionResponse(_permission(by, folder_id, email)).data)

    @extend_schema(
        operation_id="folder_permissions_change",
        parameters=[TENANT],
        request=FolderPermissionChangeRequest,
        responses=FolderPermissionResponse,
        tags=["folders"],
    )
    def patch(self, request: Request, folder_id: UUID, email: str) -> Response:
        """Another level; 409 for whoever created the folder."""
        by = principal_of(request)
        require_level(by, folder_id, Level.MANAGE)
        given = validated(FolderPermissionChangeRequest, request)
        row = folder_permission_change(by=by, permission=_permission(by, folder_id, email), **given)
        return Response(FolderPermissionResponse(row).data)

    @extend_schema(
        operation_id="folder_permissions_revoke",
        parameters=[TENANT],
        responses=FolderPermissionResponse,
        tags=["folders"],
    )
    def delete(self, request: Request, folder_id: UUID, email: str) -> Response:
        """Take a right back and answer what it was; 409 for whoever created the folder."""
        by = principal_of(request)
        require_level(by, folder_id, Level.MANAGE)
        permission = _permission(by, folder_id, email)
        told = FolderPermissionResponse(permission).data
        folder_permission_revoke(by=by, permission=permission)
        return Response(told)


def folder_seen(by: Principal, folder_id: UUID) -> Folder:
    """One of the folders that the caller sees, or NotFound."""
    folder: Folder | None = Folder.objects.for_tenant(by.home).filter(pk=folder_id).first()
    if folder is None:
        raise NotFound("There is no such folder.")
    return folder


def _permission(by: Principal, folder_id: UUID, email: str) -> FolderPermission:
    rows = FolderPermission.objects.for_tenant(by.home).filter(folder=folder_id, email=email.lower())
    permission: FolderPermission | None = rows.select_related("tenant").first()
    if permission is None:
        raise NotFound("That person has no right of their own in this folder.")
    return permission

"""Channels, and the revocation and ancestry of the builds that they point at."""

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
from accounts.errors import ValidationFailed
from accounts.models import Scope
from builds.models import Build, Channel, ChannelAssignment
from builds.models.catalogue import validate_slug
from builds.queries.ancestry import (
    MOST_ANCESTORS,
    MOST_CHILDREN,
    OUT_OF_DATE,
    UNDETERMINED,
    UP_TO_DATE,
    ancestry_of,
)
from builds.queries.channels import build_named
from builds.services.channels import channel_assign, channel_delete
from builds.services.revocation import build_restore, build_revoke


class ChannelAssignRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=63, validators=[validate_slug], help_text="Such as production.")
    build = serializers.CharField(max_length=255, help_text="Its id or build_id; its line is the channel's.")


class ChannelBuild(serializers.ModelSerializer[Build]):
    class Meta:
        model = Build
        fields: tuple[str, ...] = ("id", "build_id", "status", "state_code", "ended_at", "revoked_at")


class ChannelResponse(serializers.ModelSerializer[Channel]):
    platform = serializers.CharField(source="platform.slug")
    os_version = serializers.CharField(source="os_version.slug")
    image_type = serializers.CharField(source="image_type.slug")
    project = serializers.CharField(source="project.slug", allow_null=True, default=None)
    build = ChannelBuild(
        allow_null=True, help_text="Null: what it pointed at was revoked, and nothing before it holds."
    )

    class Meta:
        model = Channel
        fields: tuple[str, ...] = (
            "id", "name", "platform", "os_version", "image_type", "project", "build", "is_managed",
            "assigned_at", "created_at",
        )  # fmt: skip


class ChannelAssignmentResponse(serializers.ModelSerializer[ChannelAssignment]):
    build = ChannelBuild(allow_null=True)

    class Meta:
        model = ChannelAssignment
        fields: tuple[str, ...] = ("build", "cause", "actor", "at")


class RevokeRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, default="", allow_blank=True)


class RevocationResponse(serializers.ModelSerializer[Build]):
    revoked_with = serializers.CharField(
        source="revoked_with.build_id",
        allow_null=True,
        default=None,
        help_text="The ancestor whose revocation it shares.",
    )
    changed = serializers.SerializerMethodField(help_text="False: it was so before.")

    class Meta:
        model = Build
        fields: tuple[str, ...] = (
            "id", "build_id", "revoked_at", "revoked_because", "revoked_with", "changed",
        )  # fmt: skip

    def get_changed(self, build: Build) -> bool:
        return bool(self.context["changed"])


class AncestryResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    status = serializers.ChoiceField(
        [UP_TO_DATE, OUT_OF_DATE, UNDETERMINED],
        help_text="Up to date: all it is made from is the latest of its line; undetermined: no parent.",
    )
    parents = ChannelBuild(many=True, help_text=f"From the nearest on, at most {MOST_ANCESTORS}.")
    children = ChannelBuild(many=True, help_text=f"The newest {MOST_CHILDREN}.")
    children_count = serializers.IntegerField()


class ChannelFilter(django_filters.FilterSet):
    platform = django_filters.CharFilter("platform__slug", max_length=63)
    os_version = django_filters.CharFilter("os_version__slug", max_length=63)
    image_type = django_filters.CharFilter("image_type__slug", max_length=63)
    project = django_filters.CharFilter("project__slug", max_length=63)
    build_id = django_filters.CharFilter("build__build_id", max_length=255)

    class Meta:
        model = Channel
        fields: tuple[str, ...] = ("name", "is_managed")


@extend_schema_view(
    list=extend_schema(
        operation_id="channels_list", description="The tenant's channels, by name.",
        responses=ChannelResponse(many=True), tags=["channels"],
    ),
    retrieve=extend_schema(
        operation_id="channels_retrieve", description="One channel.", responses=ChannelResponse,
        tags=["channels"],
    ),
)  # fmt: skip
class ChannelViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Channel]):
    """Names that each point at one completed build of a project, platform, OS version and image type."""

    queryset = Channel.objects.select_related(
        "tenant", "platform", "os_version", "image_type", "project", "build"
    )
    serializer_class = ChannelResponse
    filterset_class = ChannelFilter
    lookup_value_converter = "uuid"
    required_scope: Any = {"GET": Scope.READ, "POST": Scope.WRITE, "DELETE": Scope.ADMIN}

    @extend_schema(
        operation_id="channels_assign",
        request=ChannelAssignRequest,
        responses={200: ChannelResponse, 201: ChannelResponse},
        tags=["channels"],
    )
    def create(self, request: Request) -> Response:
        """Point the channel of this name of the build's line at the build; 201 when that makes the channel.

        409 `version_not_assignable` for a build that is not completed or is revoked, `channel_managed` for
        `latest`, which follows the line by itself."""
        given = validated(ChannelAssignRequest, request)
        build = build_named(self.principal.home, given["build"])
        if build is None:
            raise ValidationFailed.field("build", f"there is no build {given['build'][:63]!r}.")
        channel, is_new = channel_assign(by=self.principal, build=build, name=given["name"])
        row = self.get_queryset().get(pk=channel.pk)
        return Response(ChannelResponse(row).data, status=201 if is_new else 200)

    @extend_schema(
        operation_id="channels_destroy",
        responses={204: OpenApiResponse(description="Removed; its builds stay")},
        tags=["channels"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Remove a channel with its history. 409 `channel_managed` for `latest`."""
        channel_delete(by=self.principal, channel=self.get_object())
        return Response(status=204)

    @extend_schema(
        operation_id="channels_history", responses=ChannelAssignmentResponse(many=True), tags=["channels"],
        filters=False,
    )  # fmt: skip
    @action(detail=True)
    def history(self, request: Request, pk: UUID) -> Response:
        """What it pointed at, the newest first."""
        rows = ChannelAssignment.objects.for_tenant(self.principal.home).filter(channel=self.get_object())
        page = self.paginate_queryset(rows.select_related("build"))
        return self.get_paginated_response(ChannelAssignmentResponse(page, many=True).data)


class RevocationViewSet(TenantViewSet[Build]):
    """Whether a build's image is to be used, and what is made from it."""

    queryset = Build.objects.select_related("tenant")

    @extend_schema(
        operation_id="builds_revoke", request=RevokeRequest, responses=RevocationResponse, tags=["builds"]
    )
    def revoke(self, request: Request, pk: UUID) -> Response:
        """Revoke a completed build and all that is made from it; channels go back to what holds."""
        given = validated(RevokeRequest, request)
        done = build_revoke(by=self.principal, build=self.get_object(), reason=given["reason"])
        return Response(RevocationResponse(done.build, context={"changed": done.changed}).data)

    @extend_schema(operation_id="builds_restore", request=None, responses=RevocationResponse, tags=["builds"])
    def restore(self, request: Request, pk: UUID) -> Response:
        """Take a revocation back; 409 `parent_revoked` when it is an ancestor's."""
        done = build_restore(by=self.principal, build=self.get_object())
        return Response(RevocationResponse(done.build, context={"changed": done.changed}).data)

    @extend_schema(operation_id="builds_ancestry", responses=AncestryResponse, tags=["builds"])
    def ancestry(self, request: Request, pk: UUID) -> Response:
        """What the build is made from, what is made from it, and whether a newer base could be had."""
        build = self.get_object()
        found = ancestry_of(build)
        answer = {"id": build.pk, "build_id": build.build_id, "status": found.status}
        lists = {"parents": found.parents, "children": found.children}
        count = found.children_count
        return Response(AncestryResponse({**answer, **lists, "children_count": count}).data)

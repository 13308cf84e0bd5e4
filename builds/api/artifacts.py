"""Artifacts and variables of a build."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.models import Scope
from builds.api.documents import ArtifactFields, ArtifactResponse, VariableRequest, VariableResponse
from builds.api.lists import SkipPagination
from builds.models import Artifact, Build, Variable
from builds.services.artifacts import (
    artifact_delete,
    artifact_register,
    artifact_update,
    variable_delete,
    variable_set,
)


class OfBuildViewSet(ListModelMixin, TenantViewSet[Any]):
    """Base of what hangs below one build."""

    pagination_class = SkipPagination
    required_scope: Any = {"POST": Scope.BUILD, "DELETE": Scope.ADMIN}

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return rows.filter(build=self.build())

    def build(self) -> Build:
        tenant = self.principal.home
        build: Build = get_object_or_404(Build.objects.for_tenant(tenant), pk=self.kwargs["build"])
        build.tenant = tenant
        return build


class ArtifactFilter(django_filters.FilterSet):
    artifact_type = django_filters.CharFilter("type", max_length=50)

    class Meta:
        model = Artifact
        fields: tuple[str, ...] = ("name", "state_code", "is_resumable", "is_final")


@extend_schema_view(
    list=extend_schema(
        operation_id="builds_artifacts_list", description="The newest first.",
        responses=ArtifactResponse(many=True), tags=["builds"],
    ),
    retrieve=extend_schema(
        operation_id="builds_artifacts_retrieve", description="One artifact.", responses=ArtifactResponse,
        tags=["builds"],
    ),
)  # fmt: skip
class ArtifactViewSet(RetrieveModelMixin, OfBuildViewSet):
    """What a build made; the bytes stay where they are."""

    queryset = Artifact.objects.filter(deleted_at=None).select_related("build", "tenant")
    serializer_class = ArtifactResponse
    filterset_class = ArtifactFilter
    lookup_url_kwarg = "artifact"

    @extend_schema(
        operation_id="builds_artifacts_create",
        request=ArtifactFields,
        responses={200: ArtifactResponse, 201: ArtifactResponse},
        tags=["builds"],
    )
    def create(self, request: Request, build: UUID) -> Response:
        """Note an artifact; the same again is answered 200, another one of that name 409."""
        found, given = self.build(), validated(ArtifactFields, request)
        artifact, is_new = artifact_register(by=self.principal, build=found, **given)
        return Response(ArtifactResponse(artifact).data, status=201 if is_new else 200)

    @extend_schema(
        operation_id="builds_artifacts_partial_update",
        request=ArtifactFields,
        responses=ArtifactResponse,
        tags=["builds"],
    )
    def partial_update(self, request: Request, build: UUID, artifact: UUID) -> Response:
        """Change what is noted of it."""
        found = self.get_object()
        changes = ArtifactFields(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        row = artifact_update(by=self.principal, artifact=found, changes=changes.validated_data)
        return Response(ArtifactResponse(row).data)

    @extend_schema(
        operation_id="builds_artifacts_destroy",
        responses={204: OpenApiResponse(description="Forgotten; what is stored stays")},
        tags=["builds"],
    )
    def destroy(self, request: Request, build: UUID, artifact: UUID) -> Response:
        """Forget it."""
        artifact_delete(by=self.principal, artifact=self.get_object())
        return Response(status=204)


@extend_schema_view(
    list=extend_schema(
        operation_id="builds_variables_list", description="By key; secret values are masked.",
        responses=VariableResponse(many=True), tags=["builds"],
    ),
    retrieve=extend_schema(
        operation_id="builds_variables_retrieve", description="One variable; masked when it is secret.",
        responses=VariableResponse, tags=["builds"],
    ),
)  # fmt: skip
class VariableViewSet(RetrieveModelMixin, OfBuildViewSet):
    """What a pipeline keeps for its resume. No call ever answers a secret value."""

    queryset = Variable.objects.select_related("build", "tenant")
    serializer_class = VariableResponse
    filterset_fields: tuple[str, ...] = ("required_for_resume",)
    lookup_field = "key"

    @extend_schema(
        operation_id="builds_variables_create",
        request=VariableRequest,
        responses={200: VariableResponse, 201: VariableResponse},
        tags=["builds"],
    )
    def create(self, request: Request, build: UUID) -> Response:
        """Set a variable, new or not."""
        found, given = self.build(), validated(VariableRequest, request)
        variable, is_news = variable_set(by=self.principal, build=found, **given)
        return Response(VariableResponse(variable).data, status=201 if is_news else 200)

    @extend_schema(
        operation_id="builds_variables_destroy",
        responses={204: OpenApiResponse(description="Removed")},
        tags=["builds"],
    )
    def destroy(self, request: Request, build: UUID, key: str) -> Response:
        """Remove it."""
        variable_delete(by=self.principal, variable=self.get_object())
        return Response(status=204)

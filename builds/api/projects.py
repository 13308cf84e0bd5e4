"""Projects, and the states that their builds pass."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.errors import NotFound
from accounts.permissions import refuse_other_tenant
from builds.api.catalogue import COMMON, DELETED, RETIRED_TOO, SCOPES, TIMES, SluggedRequest
from builds.api.documents import StateCodeField
from builds.api.lists import SkipPagination
from builds.models import Project, StateCode
from builds.services.builds import STANDARD
from builds.services.catalogue import project_create, project_update, state_code_retire, state_code_set


class ProjectFields(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    parent = serializers.CharField(  # type: ignore[assignment]  # a field of that name
        max_length=63, required=False, allow_blank=True, help_text="Its slug."
    )
    template = serializers.CharField(
        max_length=63, default=STANDARD, help_text="standard, framework, or one of the tenant's own."
    )
    requires_final_artifact = serializers.BooleanField(
        required=False, help_text="100 is refused until there is one."
    )


class ProjectCreateRequest(SluggedRequest, ProjectFields):
    pass


class ProjectUpdateRequest(ProjectFields):
    is_active = serializers.BooleanField(required=False)


class ProjectResponse(serializers.ModelSerializer[Project]):
    parent = serializers.SerializerMethodField("parent_slug")  # type: ignore[assignment]
    template = serializers.CharField(source="template.slug")
    is_active = serializers.BooleanField()

    class Meta:
        model = Project
        fields: tuple[str, ...] = (
            *COMMON, "description", "parent", "template", "requires_final_artifact", *TIMES,
        )  # fmt: skip

    def parent_slug(self, project: Project) -> str | None:
        return project.parent.slug if project.parent else None


class StateCodeRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100, required=False)
    phase = serializers.ChoiceField(StateCode.Phase.choices, required=False)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    expected_min_minutes = serializers.IntegerField(min_value=0, max_value=10_080, required=False)
    expected_max_minutes = serializers.IntegerField(min_value=1, max_value=10_080, required=False)
    retry_max = serializers.IntegerField(min_value=0, max_value=100, required=False)
    is_resumable = serializers.BooleanField(required=False)
    is_blocking = serializers.BooleanField(required=False)
    required_artifacts = serializers.ListField(
        child=serializers.CharField(max_length=255), max_length=50, required=False
    )
    required_variables = serializers.ListField(
        child=serializers.CharField(max_length=128), max_length=50, required=False
    )


class StateCodeCreateRequest(StateCodeRequest):
    state_code = StateCodeField()


class StateCodeResponse(serializers.ModelSerializer[StateCode]):
    state_code = serializers.IntegerField(source="code")
    budget_minutes = serializers.IntegerField(help_text="Longer than this is overdue.")
    required_artifacts = serializers.ListField(child=serializers.CharField())
    required_variables = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = StateCode
        fields: tuple[str, ...] = (
            "state_code", "name", "phase", "description", "expected_min_minutes", "expected_max_minutes",
            "budget_minutes", "retry_max", "is_resumable", "is_blocking", "required_artifacts",
            "required_variables", "deactivated_at",
        )  # fmt: skip


class ProjectBase(TenantViewSet[Any]):
    queryset = Project.objects.select_related("tenant", "template", "parent")
    pagination_class = SkipPagination
    required_scope: Any = SCOPES
    filter_backends = ()

    def project(self) -> Project:
        """Retired or not."""
        found: Project | None = self.get_queryset().filter(slug=self.kwargs["slug"]).first()
        if found is None:
            raise NotFound("There is no such project.")
        return found


@extend_schema_view(
    list=extend_schema(
        operation_id="projects_list", parameters=[RETIRED_TOO], responses=ProjectResponse(many=True),
        tags=["build catalogue"],
    ),
    retrieve=extend_schema(
        operation_id="projects_retrieve", responses=ProjectResponse, tags=["build catalogue"]
    ),
)  # fmt: skip
class ProjectViewSet(ProjectBase):
    """Projects by slug."""

    serializer_class = ProjectResponse

    def list(self, request: Request) -> Response:
        """The tenant's projects, by slug."""
        everything = request.query_params.get("include_deactivated", "").lower() in ("true", "1")
        rows = self.get_queryset()
        page = self.paginate_queryset(rows if everything else rows.filter(deactivated_at=None))
        return self.get_paginated_response(ProjectResponse(page, many=True).data)

    def retrieve(self, request: Request, slug: str) -> Response:
        """One project."""
        return Response(ProjectResponse(self.project()).data)

    @extend_schema(
        operation_id="projects_create",
        request=ProjectCreateRequest,
        responses={201: ProjectResponse},
        tags=["build catalogue"],
    )
    def create(self, request: Request) -> Response:
        """A project; 409 when the slug is taken."""
        given = validated(ProjectCreateRequest, request)
        refuse_other_tenant(self.principal, given.pop("tenant_id"))
        project = project_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(ProjectResponse(project).data, status=201)

    @extend_schema(
        operation_id="projects_update",
        request=ProjectUpdateRequest,
        responses=ProjectResponse,
        tags=["build catalogue"],
    )
    def update(self, request: Request, slug: str) -> Response:
        """Change what is given but the slug. Open builds keep the template that they began with."""
        found = self.project()
        changes = ProjectUpdateRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        project = project_update(by=self.principal, project=found, changes=changes.validated_data)
        return Response(ProjectResponse(project).data)

    @extend_schema(
        operation_id="projects_partial_update",
        request=ProjectUpdateRequest,
        responses=ProjectResponse,
        tags=["build catalogue"],
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        """The same as PUT."""
        return self.update(request, slug)

    @extend_schema(operation_id="projects_destroy", responses={204: DELETED}, tags=["build catalogue"])
    def destroy(self, request: Request, slug: str) -> Response:
        """Retire it; 409 `in_use` while open builds name it."""
        project_update(by=self.principal, project=self.project(), changes={"is_active": False})
        return Response(status=204)


class StateCodeViewSet(ProjectBase):
    """The states of a project's builds: those of the shared template, until the project changes one."""

    serializer_class = StateCodeResponse

    @extend_schema(
        operation_id="projects_state_codes_list",
        responses=StateCodeResponse(many=True),
        tags=["build catalogue"],
    )
    def list(self, request: Request, slug: str) -> Response:
        """All of them, by code; retired ones have `deactivated_at`."""
        page = self.paginate_queryset(self.project().template.codes.all())
        return self.get_paginated_response(StateCodeResponse(page, many=True).data)

    @extend_schema(
        operation_id="projects_state_codes_retrieve", responses=StateCodeResponse, tags=["build catalogue"]
    )
    def retrieve(self, request: Request, slug: str, code: int) -> Response:
        """One of them."""
        return Response(StateCodeResponse(self._state(code)).data)

    @extend_schema(
        operation_id="projects_state_codes_create",
        request=StateCodeCreateRequest,
        responses={201: StateCodeResponse},
        tags=["build catalogue"],
    )
    def create(self, request: Request, slug: str) -> Response:
        """Give a code the project's own meaning, or bring it back."""
        project, given = self.project(), validated(StateCodeCreateRequest, request)
        code = given.pop("state_code")
        state = state_code_set(by=self.principal, project=project, code=code, changes=given)
        return Response(StateCodeResponse(state).data, status=201)

    @extend_schema(
        operation_id="projects_state_codes_update",
        request=StateCodeRequest,
        responses=StateCodeResponse,
        tags=["build catalogue"],
    )
    def update(self, request: Request, slug: str, code: int) -> Response:
        """Change what is given; a retired one is back."""
        state, given = self._state(code), validated(StateCodeRequest, request)
        state = state_code_set(by=self.principal, project=self.project(), code=state.code, changes=given)
        return Response(StateCodeResponse(state).data)

    @extend_schema(
        operation_id="projects_state_codes_destroy", responses={204: DELETED}, tags=["build catalogue"]
    )
    def destroy(self, request: Request, slug: str, code: int) -> Response:
        """No build of the project enters it any more; 409 `in_use` while one stands there."""
        state_code_retire(by=self.principal, project=self.project(), code=self._state(code).code)
        return Response(status=204)

    def _state(self, code: int) -> StateCode:
        found = self.project().template.codes.filter(code=code).first()
        if found is None:
            raise NotFound("There is no such state: codes are 0 to 100 in fives.")
        return found

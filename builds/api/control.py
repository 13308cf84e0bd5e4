"""A build stopped, and taken up again."""

import shlex
from typing import Any
from uuid import UUID

import yaml
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from builds.api.documents import (
    CancelRequest,
    CancelResponse,
    ResumeContextResponse,
    ResumedResponse,
    ResumeRequest,
    ResumeResponse,
)
from builds.models import Build
from builds.queries.builds import resume_context
from builds.rules import Status
from builds.services.builds import build_cancel
from builds.services.resumes import build_resume

FORMATS = ("json", "yaml", "env")
VARIABLE = "BUILD_VAR_"


class ControlViewSet(TenantViewSet[Build]):
    """What people and orchestrators do to a build."""

    queryset = Build.objects.all()

    def own_build(self) -> Build:
        build = self.get_object()
        build.tenant = self.principal.home
        return build

    @extend_schema(
        operation_id="builds_cancel", request=CancelRequest, responses=CancelResponse, tags=["builds"]
    )
    def cancel(self, request: Request, pk: UUID) -> Response:
        """Ask the run to stop: its next report is answered `cancel_requested`, and it confirms with the
        status cancelled. A queued build and a forced one end at once, any other after ten minutes."""
        found, given = self.own_build(), validated(CancelRequest, request)
        done = build_cancel(by=self.principal, build=found, **given)
        ended = done.build.status == Status.CANCELLED
        return Response(
            {
                "status": "cancelled" if ended else "cancel_requested",
                "id": done.build.pk,
                "build_id": done.build.build_id,
                "current_state": done.build.state_code,
                "changed": done.changed,
            }
        )

    @extend_schema(
        operation_id="builds_resume",
        request=ResumeRequest,
        responses={200: ResumedResponse, 201: ResumedResponse},
        tags=["builds"],
    )
    def resume(self, request: Request, pk: UUID) -> Response:
        """Take a failed or cancelled build up where it stands, or before; `/resume-context` has what that
        needs. 409 `not_resumable`, `resume_in_progress`, `resume_prerequisites` (with `missing`)."""
        found, given = self.own_build(), validated(ResumeRequest, request)
        code = given.pop("from_state")
        resume, build, is_new = build_resume(by=self.principal, build=found, code=code, **given)
        answer = {
            "status": "resumed",
            "id": build.pk,
            "build_id": build.build_id,
            "current_state": build.state_code,
            "attempt": build.attempt,
            "changed": is_new,
            "resume": ResumeResponse(resume).data,
        }
        return Response(answer, status=201 if is_new else 200)

    @extend_schema(
        operation_id="builds_resume_context",
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=FORMATS, description="Default json.")],
        responses={
            (200, "application/json"): ResumeContextResponse,
            (200, "application/yaml"): ResumeContextResponse,
            (200, "text/plain"): OpenApiTypes.STR,
        },
        tags=["builds"],
    )
    def resume_context(self, request: Request, pk: UUID) -> Response | HttpResponse:
        """What a run needs to take the build up, also as YAML, or as lines that a shell can source (`env`).
        There a variable REGION is BUILD_VAR_REGION; secret ones are masked, and left out of those lines."""
        wanted = request.query_params.get("format", "json")
        if wanted not in FORMATS:
            raise ValidationError({"format": [f"Give one of: {', '.join(FORMATS)}."]})
        context = resume_context(self.own_build())
        if wanted == "json":
            return Response(context)
        if wanted == "yaml":
            text = yaml.safe_dump(context, sort_keys=False, allow_unicode=True)
            return HttpResponse(text, content_type="application/yaml; charset=utf-8")
        return HttpResponse(env_lines(context), content_type="text/plain; charset=utf-8")


def env_lines(context: dict[str, Any]) -> str:
    """Assignments for a POSIX shell. Under a prefix of their own the variables steer nothing there: not PATH,
    and not whom the pipeline's stronger key is shown.
    """
    secret = set(context["secret_variables"])
    values = {f"{VARIABLE}{key}": value for key, value in context["variables"].items() if key not in secret}
    artifact = context["artifact"] or {}
    own = {
        "BUILD_UUID": context["id"],
        "BUILD_ID": context["build_id"],
        "BUILD_STATE": context["current_state"],
        "BUILD_STATUS": context["status"],
        "BUILD_ATTEMPT": context["attempt"],
        "RESUME_FROM_STATE": context["resume_from_state"],
        "RESUME_ARTIFACT_PATH": artifact.get("path", ""),
        "RESUME_ARTIFACT_TYPE": artifact.get("type", ""),
        "RESUME_ARTIFACT_CHECKSUM": artifact.get("checksum", ""),
    }
    lines = [f"{key}={shlex.quote(str(value))}" for key, value in {**values, **own}.items()]
    return "\n".join(
        [*(f"# {VARIABLE}{key} is secret: set it yourself" for key in sorted(secret)), *lines, ""]
    )

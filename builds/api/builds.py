"""Builds: created, reported on, looked at."""

from typing import Any
from uuid import UUID

import django_filters
from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.base import TenantViewSet, validated
from accounts.errors import AppError
from accounts.models import Scope
from accounts.permissions import refuse_other_tenant
from builds.api.documents import (
    STATUSES,
    BuildCreatedResponse,
    BuildCreateRequest,
    BuildResponse,
    FailureRecordedResponse,
    FailureRequest,
    FailureResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    HistoryRow,
    StateReportedResponse,
    StateReportRequest,
    StateResponse,
)
from builds.api.lists import MomentFilter, SkipPagination
from builds.models import Build, BuildFailure
from builds.queries.builds import build_history, builds_listed, is_retryable_now
from builds.rules import Report
from builds.services.builds import MADE_OF, build_create
from builds.services.moves import Entry
from builds.services.reports import Failing, build_fail, build_heartbeat, build_report
from builds.timing import HEARTBEAT_EVERY

REPORTS = frozenset({"create", "report_state", "failure", "heartbeat"})


class BuildFilter(django_filters.FilterSet):
    platform = django_filters.CharFilter("platform__slug", max_length=63)
    os_version = django_filters.CharFilter("os_version__slug", max_length=63)
    image_type = django_filters.CharFilter("image_type__slug", max_length=63)
    project = django_filters.CharFilter("project__slug", max_length=63)
    build_id = django_filters.CharFilter(max_length=255)
    status = django_filters.ChoiceFilter(choices=[(status, status) for status in STATUSES])
    state_code = django_filters.NumberFilter()
    created_after = MomentFilter("created_at", "gte")
    created_before = MomentFilter("created_at", "lt")

    class Meta:
        model = Build
        fields: tuple[str, ...] = ()


@extend_schema_view(
    list=extend_schema(
        operation_id="builds_list", description="The tenant's builds, the newest first.",
        responses=BuildResponse(many=True), tags=["builds"],
    ),
    retrieve=extend_schema(
        operation_id="builds_retrieve", description="One build.", responses=BuildResponse, tags=["builds"]
    ),
)  # fmt: skip
class BuildViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[Build]):
    """Builds by the `id` that their creation answered. Every refusal by a rule is 409 with its `code`."""

    queryset = Build.objects.all()
    serializer_class = BuildResponse
    filterset_class = BuildFilter
    pagination_class = SkipPagination
    lookup_value_converter = "uuid"

    @property
    def required_scope(self) -> Scope | None:
        """Reports need no more than `build`."""
        return Scope.BUILD if self.action in REPORTS else None

    def get_queryset(self) -> QuerySet[Build]:
        rows = super().get_queryset()
        return builds_listed(rows) if self.action == "retrieve" else rows

    def shown(self, rows: QuerySet[Build]) -> QuerySet[Build]:
        return builds_listed(rows)

    def own_build(self) -> Build:
        """The build of the path. Errors: 404."""
        build = get_object_or_404(self.get_queryset().only("pk"), pk=self.kwargs["pk"])
        build.tenant = self.principal.home
        return build

    def told(self, body: type[BaseSerializer[Any]]) -> tuple[Build, dict[str, Any]]:
        """The build of the path by its id alone, as its verbs lock and read it themselves, and the body.

        Errors: 400 the body, unless 404 goes before it.
        """
        try:
            given = validated(body, self.request)
        except (APIException, AppError):
            self.own_build()
            raise
        build = Build.from_db(DEFAULT_DB_ALIAS, ["id"], [self.kwargs["pk"]])  # no column's default is made
        build.tenant = self.principal.home
        return build, given

    @extend_schema(
        operation_id="builds_create",
        request=BuildCreateRequest,
        responses={200: BuildCreatedResponse, 201: BuildCreatedResponse},
        tags=["builds"],
    )
    def create(self, request: Request) -> Response:
        """Announce a build; the same one again is answered 200 and `existing`. 409 `duplicate_build` when
        the name is of another one, `inactive_reference` when part of it is retired, `parent_revoked`."""
        given = validated(BuildCreateRequest, request)
        refuse_other_tenant(self.principal, given.pop("tenant_id"))
        made_of = {noun: given.pop(noun) for noun in MADE_OF}
        done = build_create(by=self.principal, tenant=self.principal.home, made_of=made_of, **given)
        build = done.build
        answer = {
            "id": build.pk,
            "build_id": build.build_id,
            "status": "created" if done.changed else "existing",
            "current_state": build.state_code,
            **{noun: getattr(build, noun).slug for noun in MADE_OF},
            "project": build.project and build.project.slug,
            "created_at": build.created_at,
        }
        return Response(BuildCreatedResponse(answer).data, status=201 if done.changed else 200)

    @extend_schema(operation_id="builds_state_retrieve", responses=StateResponse, tags=["builds"])
    @action(detail=True)
    def state(self, request: Request, pk: UUID) -> Response:
        """Where the build stands, and how it came there."""
        build = self.get_object()
        build.tenant = self.principal.home
        answer = {
            "id": build.pk,
            "build_id": build.build_id,
            "current_state": build.state_code,
            "status": build.status,
            "attempt": build.attempt,
            "message": build.message,
            "transitioned_at": build.entered_at,
            "last_updated": build.reported_at,
            "history": HistoryRow(build_history(build), many=True).data,
        }
        return Response(answer)

    @extend_schema(
        operation_id="builds_state_create",
        request=StateReportRequest,
        responses=StateReportedResponse,
        tags=["builds"],
    )
    @state.mapping.post
    def report_state(self, request: Request, pk: UUID) -> Response:
        """Report a milestone. Forward jumps are fine; the same report again changes nothing; a lower code
        is 409 `state_regression`, what follows a failure without a resume `resume_required`."""
        found, given = self.told(StateReportRequest)
        report = Report(
            code=given["state_code"],
            status=given["status"],
            run_id=given["run_id"],
            expected=given["expected_state"],
            occurred_at=given["occurred_at"],
        )
        names = ("run_id", "metadata", "artifact", "occurred_at")
        entry = Entry(message=given.get("message"), **{name: given[name] for name in names})
        done = build_report(by=self.principal, build=found, report=report, entry=entry)
        build = done.build
        answer = {
            "status": "updated",
            "id": build.pk,
            "build_id": build.build_id,
            "new_state": build.state_code,
            "build_status": build.status,
            "attempt": build.attempt,
            "changed": done.changed,
            "cancel_requested": build.cancel_requested_at is not None,
        }
        return Response(answer)

    @extend_schema(
        operation_id="builds_failure_create",
        request=FailureRequest,
        responses=FailureRecordedResponse,
        tags=["builds"],
    )
    @action(detail=True, methods=["post"])
    def failure(self, request: Request, pk: UUID) -> Response:
        """The build failed where it stands; its code stays. The same failure again is counted."""
        found, given = self.told(FailureRequest)
        code, run_id = given.pop("state_code"), given.pop("run_id")
        done, failure = build_fail(
            by=self.principal, build=found, failing=Failing(**given), code=code, run_id=run_id
        )
        answer = {
            "status": "recorded",
            "id": done.build.pk,
            "build_id": done.build.build_id,
            "failure_id": failure.pk,
            "current_state": failure.state_code,
            "attempt": failure.attempt,
            "occurrences": failure.occurrences,
            "retryable_now": is_retryable_now(done.build),
            "changed": done.changed,
        }
        return Response(answer)

    @extend_schema(operation_id="builds_failures_list", responses=FailureResponse(many=True), tags=["builds"])
    @action(detail=True, filterset_class=None)
    def failures(self, request: Request, pk: UUID) -> Response:
        """Why it failed, the newest first."""
        rows = BuildFailure.objects.for_tenant(self.principal.home).filter(build=self.own_build())
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(FailureResponse(page, many=True).data)

    @extend_schema(
        operation_id="builds_heartbeat",
        request=HeartbeatRequest,
        responses=HeartbeatResponse,
        tags=["builds"],
    )
    @action(detail=True, methods=["post"])
    def heartbeat(self, request: Request, pk: UUID) -> Response:
        """The run is alive. Who sends one is expected to go on: after 15 minutes without any the build has
        failed as HEARTBEAT_LOST, until the same run is heard of again."""
        found, given = self.told(HeartbeatRequest)
        build = build_heartbeat(by=self.principal, build=found, **given)
        due = int(HEARTBEAT_EVERY.total_seconds())
        return Response(
            {"ok": True, "cancel_requested": build.cancel_requested_at is not None, "next_due_s": due}
        )

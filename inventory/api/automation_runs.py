"""Runs of automation rules: plans, who approved them, and what became of each target."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from inventory.models import AutomationRule, AutomationRun, AutomationTarget
from inventory.services.automation_runs import run_approve, run_reject, run_undo


class AutomationTargetResponse(serializers.ModelSerializer[AutomationTarget]):
    action = serializers.DictField()
    resource = serializers.UUIDField(source="resource_id", allow_null=True, help_text="Its id here.")
    resource_id = serializers.CharField(source="native_id", help_text="What the provider calls it.")
    expects = serializers.DictField(help_text="What must still be so when it is acted on.")
    inverse = serializers.DictField(allow_null=True, help_text="The action that takes it back.")

    class Meta:
        model = AutomationTarget
        fields: tuple[str, ...] = (
            "position", "action", "resource", "provider", "resource_id", "name", "why", "expects", "state",
            "result", "inverse", "receipt", "acted_at", "finished_at",
        )  # fmt: skip


class AutomationRunResponse(serializers.ModelSerializer[AutomationRun]):
    rule_id = serializers.UUIDField()
    undoes = serializers.UUIDField(
        source="undoes_id", allow_null=True, help_text="The run that it takes back."
    )

    class Meta:
        model = AutomationRun
        fields: tuple[str, ...] = (
            "id", "rule_id", "state", "cause", "matched", "fleet", "hash", "undoes", "planned_by",
            "decided_by", "decided_at", "expires_at", "message", "created_at", "finished_at",
        )  # fmt: skip


class AutomationRunDetail(AutomationRunResponse):
    definition = serializers.DictField(help_text="What of the rule the plan was made by.")
    targets = AutomationTargetResponse(many=True, help_text="At most 10,000.")

    class Meta(AutomationRunResponse.Meta):
        fields = (*AutomationRunResponse.Meta.fields, "definition", "targets")


class ApprovalRequest(serializers.Serializer[Any]):
    hash = serializers.CharField(
        max_length=64,
        required=False,
        default="",
        help_text="Of the plan that was looked at: 409 for another.",
    )


class RejectionRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)


@extend_schema_view(
    list=extend_schema(
        operation_id="automation_runs_list",
        description="What a rule planned and did, the newest first.",
        responses=AutomationRunResponse(many=True),
        tags=["automation"],
    ),
    retrieve=extend_schema(
        operation_id="automation_runs_retrieve",
        description="One run with its targets: what would happen or happened to each, and why.",
        responses=AutomationRunDetail,
        tags=["automation"],
    ),
)
class AutomationRunViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[AutomationRun]):
    """Plans of a rule, and what became of them."""

    queryset = AutomationRun.objects.select_related("rule__tenant", "tenant")
    filterset_fields: tuple[str, ...] = ("state",)
    required_scope = {"GET": "read", "POST": "admin"}
    lookup_value_converter = "uuid"

    def get_serializer_class(self) -> Any:
        return AutomationRunResponse if self.action == "list" else AutomationRunDetail

    def get_queryset(self) -> QuerySet[AutomationRun]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):  # the schema is written without a rule
            return rows
        rules = AutomationRule.objects.for_tenant(self.principal.home)
        return rows.filter(rule=get_object_or_404(rules, pk=self.kwargs["rule_id"]))

    @extend_schema(
        operation_id="automation_runs_approve",
        request=ApprovalRequest,
        responses=AutomationRunDetail,
        tags=["automation"],
    )
    @action(detail=True, methods=["post"], filterset_fields=None)
    def approve(self, request: Request, rule_id: UUID, pk: UUID) -> Response:
        """Let the plan happen exactly as it stands: a person other than who wrote the rule or the plan."""
        given = validated(ApprovalRequest, request)
        return self._answer(run_approve(by=self.principal, run=self.get_object(), hash=given["hash"]))

    @extend_schema(
        operation_id="automation_runs_reject",
        request=RejectionRequest,
        responses=AutomationRunDetail,
        tags=["automation"],
    )
    @action(detail=True, methods=["post"], filterset_fields=None)
    def reject(self, request: Request, rule_id: UUID, pk: UUID) -> Response:
        """Let the plan never happen."""
        given = validated(RejectionRequest, request)
        return self._answer(run_reject(by=self.principal, run=self.get_object(), reason=given["reason"]))

    @extend_schema(
        operation_id="automation_runs_undo",
        request=None,
        responses={201: AutomationRunDetail},
        tags=["automation"],
    )
    @action(detail=True, methods=["post"], filterset_fields=None)
    def undo(self, request: Request, rule_id: UUID, pk: UUID) -> Response:
        """Take back what it did, where all is still as it left it: the answer is the run that does."""
        return self._answer(run_undo(by=self.principal, run=self.get_object()), 201)

    def _answer(self, run: AutomationRun, code: int = 200) -> Response:
        return Response(AutomationRunDetail(run).data, status=code)

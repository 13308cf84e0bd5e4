"""Automation rules: what they are, what they would match now, and their plans."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.permissions import refuse_other_tenant
from inventory.api.automation_runs import AutomationRunDetail
from inventory.api.fields import FILTER_HELP
from inventory.api.resources import ResourceResponse
from inventory.models import AutomationRule
from inventory.queries.automation import rule_preview, rule_problem
from inventory.services.automation_plans import rule_plan
from inventory.services.automation_rules import rule_create, rule_delete, rule_update

TRIGGER_HELP: Final = (
    '`{"type": "cron", "cron": "0 20 * * 1-5", "time_zone": "Europe/Berlin"}`,'
    ' `{"type": "level", "minutes": 60}`, `{"type": "event", "event": "resources.bulk"}`,'
    ' `{"type": "budget", "budget": "<id>", "percent": 80}`,'
    ' `{"type": "recommendation", "rule": "idle-vm"}` or `{"type": "manual"}`.'
)
ACTIONS_HELP: Final = (
    '`{"type": "tag", "key": "review", "value": "yes"}`, `{"type": "stop"}`, `{"type": "start"}`,'
    ' `{"type": "recommend", "description": "…", "priority": "medium"}`,'
    ' `{"type": "notify", "emails": ["ops@example.com"], "webhook": "<id>"}`.'
)
MOST_CRITERIA: Final = 50


class AutomationRuleRequest(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    rule_type = serializers.CharField(max_length=63, allow_blank=True, required=False, help_text="Any word.")
    is_enabled = serializers.BooleanField(required=False, help_text="By default it is.")
    trigger = serializers.DictField(required=False, help_text=TRIGGER_HELP)
    filter = serializers.CharField(max_length=2000, allow_blank=True, required=False, help_text=FILTER_HELP)
    match_criteria = serializers.DictField(
        required=False, help_text='Holds beside the filter: `{"tag:env": "dev", "region": ["a", "b"]}`.'
    )
    actions = serializers.ListField(child=serializers.DictField(), required=False, help_text=ACTIONS_HELP)
    action_type = serializers.CharField(
        max_length=63, required=False, allow_null=True,
        help_text="The older way to name the one action. A word that says none is kept, and never done.",
    )  # fmt: skip
    cron_schedule = serializers.CharField(
        max_length=255, required=False, allow_null=True, help_text="The older way to name a time, in UTC."
    )
    max_targets = serializers.IntegerField(
        min_value=1, max_value=10_000, required=False,
        help_text="More resources to change than this (10), and nothing is done.",
    )  # fmt: skip
    max_percent = serializers.IntegerField(
        min_value=1, max_value=100, required=False,
        help_text="The same (20) of all resources; one is always allowed.",
    )  # fmt: skip
    requires_approval = serializers.BooleanField(
        required=False, help_text="By a second person. By default it does."
    )

    def validate_match_criteria(self, value: dict[str, Any]) -> dict[str, Any]:
        if len(value) > MOST_CRITERIA:
            raise serializers.ValidationError(f"Give at most {MOST_CRITERIA}.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The older service's words mean what the newer ones say, and give way to them."""
        if "cron_schedule" in attrs:
            cron = attrs.pop("cron_schedule")
            older = {"type": "cron", "cron": cron} if cron else {"type": "manual"}
            attrs.setdefault("trigger", older)
        if "actions" in attrs:
            attrs.pop("action_type", None)
        return attrs


class AutomationRuleCreateRequest(AutomationRuleRequest):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")


class AutomationRuleResponse(serializers.ModelSerializer[AutomationRule]):
    organization_id = serializers.UUIDField(source="tenant_id")
    trigger = serializers.DictField()
    match_criteria = serializers.DictField()
    actions = serializers.ListField(child=serializers.DictField())
    action_type = serializers.CharField(allow_null=True, help_text="Of the first action.")
    cron_schedule = serializers.CharField(allow_null=True)
    problem = serializers.SerializerMethodField(help_text="Why it can do nothing as it stands; else empty.")

    class Meta:
        model = AutomationRule
        fields: tuple[str, ...] = (
            "id", "organization_id", "name", "rule_type", "is_enabled", "match_criteria", "action_type",
            "cron_schedule", "trigger", "filter", "actions", "max_targets", "max_percent",
            "requires_approval", "problem", "version", "created_by", "changed_by", "fired_at", "created_at",
            "updated_at",
        )  # fmt: skip

    def get_problem(self, rule: AutomationRule) -> str:
        return rule_problem(rule)


class AutomationPreviewResponse(serializers.Serializer[Any]):
    matched = serializers.IntegerField(help_text="Resources on which it would do something now.")
    fleet = serializers.IntegerField(help_text="All resources.")
    allowed = serializers.IntegerField(help_text="The most that one run may change.")
    problem = serializers.CharField(help_text="Why a plan would be refused; else empty.")
    resources = ResourceResponse(many=True, help_text="The first 100.")


@extend_schema_view(
    list=extend_schema(
        operation_id="automation_rules_list",
        description="The tenant's rules, at most 100, the newest first.",
        responses=AutomationRuleResponse(many=True),
        tags=["automation"],
    ),
    retrieve=extend_schema(
        operation_id="automation_rules_retrieve",
        description="One rule.",
        responses=AutomationRuleResponse,
        tags=["automation"],
    ),
)
class AutomationRuleViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[AutomationRule]):
    """Rules act by plans alone: frozen, approved by a second person where they ask for it, done once."""

    queryset = AutomationRule.objects.select_related("tenant")
    serializer_class = AutomationRuleResponse
    pagination_class = None
    required_scope = {"GET": "read", "POST": "admin", "PATCH": "admin", "DELETE": "admin"}
    lookup_value_converter = "uuid"

    @extend_schema(
        operation_id="automation_rules_create",
        request=AutomationRuleCreateRequest,
        responses={201: AutomationRuleResponse},
        tags=["automation"],
    )
    def create(self, request: Request) -> Response:
        """A new rule; 409 when the name is taken or there are 100."""
        given = validated(AutomationRuleCreateRequest, request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(self.principal, given.pop(name))
        rule = rule_create(by=self.principal, tenant=self.principal.home, **given)
        return Response(AutomationRuleResponse(rule).data, status=201)

    @extend_schema(
        operation_id="automation_rules_update",
        request=AutomationRuleRequest,
        responses=AutomationRuleResponse,
        tags=["automation"],
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Change it. A plan that was made before is not approved or begun any more."""
        changes = AutomationRuleRequest(data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        rule = rule_update(by=self.principal, rule=self.get_object(), changes=changes.validated_data)
        return Response(AutomationRuleResponse(rule).data)

    @extend_schema(
        operation_id="automation_rules_delete",
        responses={204: OpenApiResponse(description="Deleted")},
        tags=["automation"],
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Delete it with its runs; 409 while one is at work."""
        rule_delete(by=self.principal, rule=self.get_object())
        return Response(status=204)

    @extend_schema(
        operation_id="automation_rules_preview", responses=AutomationPreviewResponse, tags=["automation"]
    )
    @action(detail=True)
    def preview(self, request: Request, pk: UUID) -> Response:
        """What it would match now. Nothing is kept or done."""
        return Response(AutomationPreviewResponse(rule_preview(self.get_object())).data)

    @extend_schema(
        operation_id="automation_rules_plan",
        request=None,
        responses={201: AutomationRunDetail},
        tags=["automation"],
    )
    @action(detail=True, methods=["post"])
    def plan(self, request: Request, pk: UUID) -> Response:
        """Freeze what it would do now, and why; it is done once approved. `refused`: see its message."""
        run = rule_plan(by=self.principal, rule=self.get_object())
        return Response(AutomationRunDetail(run).data, status=201)

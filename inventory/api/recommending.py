"""Rules with a tenant's thresholds, computations, totals, and what rules say of one resource."""

from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Exact
from accounts.errors import NotFound
from accounts.exact import canonical
from accounts.models import Scope
from accounts.permissions import principal_of, refuse_other_tenant
from inventory.models import RecommendationRun, Resource, RuleSetting
from inventory.queries.recommendations import realised_totals, rule_settings, saving_totals
from inventory.rules import RULES
from inventory.rules.base import Rule
from inventory.rules.judging import Judge, Judged
from inventory.services.recommending import recommendations_request
from inventory.services.rules import rule_set

TENANT = OpenApiParameter("tenant_id", OpenApiTypes.STR)


class RunResponse(serializers.ModelSerializer[RecommendationRun]):
    verdicts = serializers.DictField(
        help_text="Rule → {found, undetermined, missing}; `missing` has how often what was not known."
    )

    class Meta:
        model = RecommendationRun
        fields = (
            "id", "state", "actor", "started_at", "finished_at", "costs_through", "resources", "opened",
            "updated", "closed", "verdicts", "message",
        )  # fmt: skip


class SavingTotalResponse(serializers.Serializer[Any]):
    currency = serializers.CharField()
    resources = Exact(help_text="In a month; of those on one resource the largest alone.")
    gross = Exact(help_text="All of them, were they not to save the same money twice.")
    commitments = Exact(help_text="Beside the rest: what is cleaned up first needs no commitment.")
    recommendations = serializers.IntegerField()


class RealisedTotalResponse(serializers.Serializer[Any]):
    currency = serializers.CharField()
    days = serializers.IntegerField(help_text="After it was done: 7 or 30.")
    recommendations = serializers.IntegerField()
    expected = Exact()
    realised = Exact()


class RecommendationSummaryResponse(serializers.Serializer[Any]):
    totals = SavingTotalResponse(many=True)
    realised = RealisedTotalResponse(many=True, help_text="Of what was done and could be verified.")
    last_run = RunResponse(allow_null=True)


class ThresholdResponse(serializers.Serializer[Any]):
    value = serializers.JSONField(help_text="A number as text, or a list of texts.")
    default = serializers.JSONField()


class RuleResponse(serializers.Serializer[Any]):
    rule = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    recommendation_type = serializers.CharField()
    risk = serializers.CharField()
    inputs = serializers.ListField(child=serializers.CharField(), help_text="Without which it cannot judge.")
    basis = serializers.CharField(help_text="What its saving is reckoned from; empty: it saves nothing.")
    is_enabled = serializers.BooleanField()
    thresholds = serializers.DictField(child=ThresholdResponse())


class RuleRequest(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")
    is_enabled = serializers.BooleanField(required=False, default=None, allow_null=True)
    thresholds = serializers.DictField(
        child=serializers.JSONField(allow_null=True), required=False, default=None, allow_null=True,
        help_text="Those to change; null gives one its default back.",
    )  # fmt: skip


class VerdictResponse(serializers.Serializer[Any]):
    rule = serializers.CharField()
    verdict = serializers.ChoiceField(["found", "fine", "undetermined"])
    missing = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField()
    potential_savings_monthly = Exact()
    currency = serializers.CharField()
    evidence = serializers.DictField()


class RecommendationRunRequest(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")


class RecommendationRefreshView(APIView):
    @extend_schema(
        operation_id="recommendations_refresh",
        request=RecommendationRunRequest,
        responses={202: RunResponse, 200: RunResponse},
        tags=["recommendations"],
    )
    def post(self, request: Request) -> Response:
        """Compute them now: 202 while a worker does, 200 when it is done, 409 when it is under way."""
        by = principal_of(request)
        for name in validated(RecommendationRunRequest, request).values():
            refuse_other_tenant(by, name)
        run = recommendations_request(by=by, tenant=by.home)
        status = 202 if run.state == RecommendationRun.State.RUNNING else 200
        return Response(RunResponse(run).data, status=status)


class RecommendationSummaryView(APIView):
    @extend_schema(
        operation_id="recommendations_summary",
        parameters=[TENANT],
        responses=RecommendationSummaryResponse,
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """What all open ones could save, by currency, each resource once; and what those done did save."""
        tenant = principal_of(request).home
        body = {
            "totals": [total._asdict() for total in saving_totals(tenant)],
            "realised": [total._asdict() for total in realised_totals(tenant)],
            "last_run": RecommendationRun.objects.for_tenant(tenant).first(),
        }
        return Response(RecommendationSummaryResponse(body).data)


class VerdictsQuery(serializers.Serializer[Any]):
    resource_id = serializers.UUIDField()


class RecommendationVerdictsView(APIView):
    @extend_schema(
        operation_id="recommendations_verdicts",
        parameters=[VerdictsQuery, TENANT],
        responses=VerdictResponse(many=True),
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """What each rule says of one resource now, also that it is fine, or what it lacks to judge."""
        tenant = principal_of(request).home
        asked = VerdictsQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        resource = Resource.objects.for_tenant(tenant).filter(pk=asked.validated_data["resource_id"]).first()
        if resource is None:
            raise NotFound("There is no such resource.")
        found = Judge(tenant, timezone.now()).of_resource(resource)
        return Response(VerdictResponse([_verdict(one) for one in found], many=True).data)


class RecommendationRulesView(APIView):
    @extend_schema(
        operation_id="recommendation_rules_list",
        parameters=[TENANT],
        responses=RuleResponse(many=True),
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """All rules, with the tenant's thresholds."""
        settings = rule_settings(principal_of(request).home)
        rules = [_rule(rule, settings.get(rule.key)) for rule in RULES.values()]
        return Response(RuleResponse(rules, many=True).data)


class RecommendationRuleView(APIView):
    required_scope = {"PATCH": Scope.ADMIN}

    @extend_schema(
        operation_id="recommendation_rules_update",
        request=RuleRequest,
        responses=RuleResponse,
        tags=["recommendations"],
    )
    def patch(self, request: Request, rule: str) -> Response:
        """Switch a rule off or on, and set its thresholds. It counts from the next computation on."""
        given = validated(RuleRequest, request)
        by = principal_of(request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(by, given.pop(name))
        setting = rule_set(by=by, tenant=by.home, rule=rule, **given)
        return Response(RuleResponse(_rule(RULES[rule], setting)).data)


@extend_schema_view(
    list=extend_schema(
        operation_id="recommendation_runs_list", description="Computations, the newest first.",
        responses=RunResponse(many=True), tags=["recommendations"],
    ),
    retrieve=extend_schema(
        operation_id="recommendation_runs_retrieve", description="One computation.", responses=RunResponse,
        tags=["recommendations"],
    ),
)  # fmt: skip
class RecommendationRunViewSet(ListModelMixin, RetrieveModelMixin, TenantViewSet[RecommendationRun]):
    """Computations: when, how far costs were known, what each rule found and what it could not judge."""

    queryset = RecommendationRun.objects.all()
    serializer_class = RunResponse
    lookup_value_converter = "uuid"


def _rule(rule: type[Rule], setting: RuleSetting | None) -> dict[str, Any]:
    own = setting.thresholds if setting else {}
    return {
        "rule": rule.key,
        "title": rule.title,
        "description": (rule.__doc__ or "").strip(),
        "recommendation_type": rule.recommendation_type,
        "risk": rule.risk,
        "inputs": rule.inputs,
        "basis": rule.basis,
        "is_enabled": setting.is_enabled if setting else True,
        "thresholds": {
            name: {"value": _told(own.get(name, default)), "default": _told(default)}
            for name, default in rule.defaults.items()
        },
    }


def _told(value: Any) -> Any:
    return list(value) if isinstance(value, list) else canonical(Decimal(value))


def _verdict(one: Judged) -> dict[str, Any]:
    finding = one.finding
    return {
        "rule": one.rule.key,
        "verdict": "found" if finding else "undetermined" if one.missing else "fine",
        "missing": one.missing,
        "description": finding.description if finding else "",
        "potential_savings_monthly": finding.saving if finding else Decimal(0),
        "currency": finding.currency if finding else "",
        "evidence": finding.evidence if finding else {},
    }

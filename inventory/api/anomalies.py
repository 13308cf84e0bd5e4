"""Unusual days, and what is said of them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import validated
from accounts.api.fields import Exact
from accounts.permissions import principal_of, refuse_other_tenant
from accounts.principals import SHARED
from inventory.api.fields import currency_field
from inventory.models import AnomalyFeedback
from inventory.queries.anomalies import cost_anomalies, thresholds_of
from inventory.queries.causes import causes_of
from inventory.queries.sums import COSTS
from inventory.services.anomalies import anomaly_judge

Status = AnomalyFeedback.Status


class AnomalyQuery(serializers.Serializer[Any]):
    start = serializers.DateField(required=False, default=None, help_text="Default: 30 days before the end.")
    end = serializers.DateField(
        required=False, default=None, help_text="The day after the last; at most the last complete day's."
    )
    cost = serializers.ChoiceField(COSTS, default="effective")
    status = serializers.ChoiceField(Status.choices, required=False)


class CauseResponse(serializers.Serializer[Any]):
    resource = serializers.UUIDField(help_text="Of /resources.")
    resource_id = serializers.CharField()
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    changes = serializers.DictField(child=serializers.ListField(child=serializers.JSONField(allow_null=True)))


class AnomalyResponse(serializers.Serializer[Any]):
    currency = serializers.CharField()
    service = serializers.CharField(help_text="With account empty: the total of all.")
    account = serializers.CharField()
    start = serializers.DateField()
    last = serializers.DateField(help_text="The last day of those in a row.")
    actual = Exact()
    expected = Exact(help_text="The medians of the weekdays in the eight weeks before each day.")
    impact = Exact()
    status = serializers.ChoiceField(Status.choices)
    note = serializers.CharField()
    causes = CauseResponse(
        many=True, help_text="What changed about its resources on these days and the two before."
    )


class AnomalyListResponse(serializers.Serializer[Any]):
    items = AnomalyResponse(many=True, help_text="The largest impact first, at most 200.")
    total = serializers.IntegerField()
    deviations = serializers.FloatField(help_text="Of a median absolute deviation, at least.")
    percent = serializers.IntegerField(help_text="Of what was expected, at least.")
    minimum = Exact(help_text="The least difference.")


class AnomalyFeedbackRequest(serializers.Serializer[Any]):
    tenant_id = serializers.CharField(max_length=63, required=False, default="")
    organization_id = serializers.CharField(max_length=63, required=False, default="")
    currency = currency_field()
    service = serializers.CharField(max_length=255, allow_blank=True, default="")
    account = serializers.CharField(max_length=255, allow_blank=True, default="")
    day = serializers.DateField(help_text="Its start.")
    status = serializers.ChoiceField(Status.choices, help_text="expected: so is what is alike later.")
    note = serializers.CharField(max_length=2000, allow_blank=True, default="")


class AnomalyFeedbackResponse(serializers.ModelSerializer[AnomalyFeedback]):
    class Meta:
        model = AnomalyFeedback
        fields = ("id", "currency", "service", "account", "day", "status", "note", "actor", "updated_at")


MOST_LISTED = 200


class CostAnomaliesView(APIView):
    required_scope = SHARED

    @extend_schema(
        operation_id="costs_anomalies",
        parameters=[AnomalyQuery, OpenApiParameter("tenant_id", OpenApiTypes.STR)],
        responses=AnomalyListResponse,
        tags=["costs"],
    )
    def get(self, request: Request) -> Response:
        """Days on which a service in an account, or all together, cost unusually much or little."""
        asked = AnomalyQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        tenant = principal_of(request).home
        query = dict(asked.validated_data)
        status = query.pop("status", None)
        found = [one for one in cost_anomalies(tenant=tenant, **query) if status in (None, one.status)]
        shown = found[:MOST_LISTED]
        causes = causes_of(tenant, shown)
        items = [
            {**one._asdict(), "impact": one.impact, "causes": why}
            for one, why in zip(shown, causes, strict=True)
        ]
        limits = thresholds_of(tenant)
        body = {
            "items": items,
            "total": len(found),
            "deviations": limits.deviations / 10,
            "percent": limits.percent,
            "minimum": limits.minimum,
        }
        return Response(AnomalyListResponse(body).data)


class AnomalyFeedbackView(APIView):
    @extend_schema(
        operation_id="costs_anomalies_feedback",
        request=AnomalyFeedbackRequest,
        responses={201: AnomalyFeedbackResponse},
        tags=["costs"],
    )
    def post(self, request: Request) -> Response:
        """Say what an anomaly is; 404 when none of this service and account begins on this day."""
        given = validated(AnomalyFeedbackRequest, request)
        by = principal_of(request)
        for name in ("tenant_id", "organization_id"):
            refuse_other_tenant(by, given.pop(name))
        series = (given.pop("currency"), given.pop("service"), given.pop("account"))
        said = anomaly_judge(by=by, tenant=by.home, series=series, **given)
        return Response(AnomalyFeedbackResponse(said).data, status=201)

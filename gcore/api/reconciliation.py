"""Gcore's figures beside the tenant's own."""

from decimal import Decimal
from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.fields import Month
from accounts.api.files import FORMAT, MEDIA_TYPES, XLSX, wanted_file
from accounts.permissions import HasScope, principal_of
from gcore.queries.reconciliation import FINDINGS, MATCHED, Comparison, Limits, comparison, usual_limits
from gcore.reconciliation_files import comparison_csv, comparison_xlsx, line_document

FILES: Final = {"csv": comparison_csv, "xlsx": comparison_xlsx}


class ReconciliationRequest(serializers.Serializer[Any]):
    month = Month()
    tolerance = serializers.DecimalField(
        max_digits=7, decimal_places=3, min_value=Decimal(0), required=False, default=None
    )
    jump = serializers.DecimalField(
        max_digits=7, decimal_places=3, min_value=Decimal(0), required=False, default=None
    )


class ReconciliationLineResponse(serializers.Serializer[Any]):
    """Numbers are decimal strings, null where they are not known."""

    status = serializers.ChoiceField([*FINDINGS, MATCHED], help_text="The first of `findings`, or matched.")
    findings = serializers.ListField(child=serializers.ChoiceField(FINDINGS))
    feature_id = serializers.CharField()
    feature_name = serializers.CharField()
    product = serializers.CharField(help_text="cdn, cloud or waap; empty when Gcore told nothing of it.")
    unit = serializers.CharField(help_text="Gcore's; several in one month are separated by commas.")
    provider = serializers.CharField(allow_null=True, help_text="What Gcore counts; null in several units.")
    own = serializers.CharField(help_text="What we metered.")
    measured_by = serializers.CharField(help_text="The slug of the meter, or `default`.")
    difference = serializers.CharField(allow_null=True, help_text="Our own less Gcore's.")
    percent = serializers.CharField(allow_null=True, help_text="The same of Gcore's.")
    before = serializers.CharField(
        allow_null=True, help_text="Gcore's of the month before, by as many days; once there are seven."
    )
    price = serializers.CharField(allow_null=True, help_text="Of a unit, by Gcore's price list.")
    recomputed = serializers.CharField(allow_null=True, help_text="What Gcore counts times the price.")
    billed = serializers.CharField(allow_null=True, help_text="What Gcore charged, without taxes.")
    currency = serializers.CharField(allow_blank=True)


class ReconciliationResponse(serializers.Serializer[Any]):
    month = serializers.CharField()
    starts_on = serializers.DateField(help_text="The days compared: those whose usage has all come in;")
    ends_on = serializers.DateField(help_text="this one is not among them.")
    is_whole = serializers.BooleanField(help_text="The whole month; only then is money compared.")
    tolerance = serializers.CharField(help_text="Per cent.")
    jump = serializers.CharField(help_text="Per cent.")
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Features by status.")
    lines = ReconciliationLineResponse(many=True)


class ReconciliationView(APIView):
    permission_classes: list[type[BasePermission]] = [HasScope]

    @extend_schema(
        operation_id="reconciliation_retrieve",
        parameters=[
            OpenApiParameter(
                "month", OpenApiTypes.STR, required=True, description="Such as 2026-10, in UTC."
            ),
            OpenApiParameter(
                "tolerance", OpenApiTypes.DECIMAL, description="Per cent that figures may differ; default: 1."
            ),
            OpenApiParameter(
                "jump",
                OpenApiTypes.DECIMAL,
                description="Per cent that a feature may rise against the month before, or fall back by;"
                " default: 100, which is to twice or to half.",
            ),
            FORMAT,
        ],
        responses={
            (200, "application/json"): ReconciliationResponse,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, XLSX): OpenApiTypes.BINARY,
        },
        tags=["gcore"],
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """What Gcore counts in a month against what the tenant metered itself, by feature.

        `missing`: Gcore counts usage of which nothing was metered; `extra`: the other way round; `differs`:
        beyond the tolerance; `unit_changed`: Gcore counts in another unit than before, or in several; `jump`:
        against the month before; `price_differs`: usage times price is not what Gcore charged.
        """
        asked = ReconciliationRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given, usual = asked.validated_data, usual_limits()
        limits = usual._replace(**{name: given[name] for name in Limits._fields if given[name] is not None})
        tenant = principal_of(request).home
        found = comparison(tenant=tenant, month=given["month"], limits=limits)
        form = wanted_file(request)
        if form is None:
            return Response(ReconciliationResponse(_told(found)).data)
        name = f"gcore-reconciliation-{tenant.slug}-{found.month:%Y-%m}.{form}"
        return HttpResponse(
            FILES[form](found),
            content_type=MEDIA_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def _told(found: Comparison) -> dict[str, Any]:
    return {
        "month": f"{found.month:%Y-%m}",
        "starts_on": found.starts_on,
        "ends_on": found.ends_on,
        "is_whole": found.is_whole,
        "tolerance": format(found.limits.tolerance, "f"),
        "jump": format(found.limits.jump, "f"),
        "counts": found.counts,
        "lines": [line_document(line) for line in found.lines],
    }

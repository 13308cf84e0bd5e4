"""Statements: what a month costs, months closed and adjusted, and proof that nothing changed."""

from typing import Any, Final

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.fields import Month
from accounts.api.files import FORMAT, MEDIA_TYPES, XLSX, wanted_file
from accounts.models import Scope
from accounts.permissions import refuse_other_tenant
from usage.api.bills import (
    AdjustmentCreateResponse,
    AdjustmentResponse,
    StatementDetailResponse,
    StatementPreviewResponse,
    StatementResponse,
    StatementVerifyResponse,
    adjustments_told,
)
from usage.api.documents import DayOrMoment
from usage.models import Statement
from usage.queries.statements import MonthBill, month_bill, statement_problems
from usage.queries.watermark import watermark
from usage.services.statements import statement_adjust, statement_close
from usage.statement_files import statement_csv, statement_xlsx

TAGS: Final = ["billing"]
FILES: Final = {"csv": statement_csv, "xlsx": statement_xlsx}


class StatementCloseRequest(serializers.Serializer[Any]):
    month = Month(help_text="Such as 2026-03, in the tenant's time zone.")
    tenant_id = serializers.CharField(max_length=63, required=False, default="")


class StatementPreviewRequest(serializers.Serializer[Any]):
    month = Month()
    as_of = DayOrMoment(default=None)


class AdjustmentCreateRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=2000, required=False, default="")


class StatementViewSet(ListModelMixin, TenantViewSet[Statement]):
    """Closed months, newest first."""

    queryset = Statement.objects.select_related("tenant")
    serializer_class = StatementResponse
    required_scope = {"POST": Scope.ADMIN}
    lookup_value_converter = "uuid"

    @extend_schema(operation_id="statements_list", responses=StatementResponse(many=True), tags=TAGS)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The tenant's statements, newest first, without their lines."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="statements_close",
        request=StatementCloseRequest,
        responses={201: StatementDetailResponse},
        tags=TAGS,
    )
    def create(self, request: Request) -> Response:
        """Close a month. 409 when it is not over, is closed, or has events that wait to be counted."""
        given = validated(StatementCloseRequest, request)
        refuse_other_tenant(self.principal, given["tenant_id"])
        statement = statement_close(by=self.principal, tenant=self.principal.home, month=given["month"])
        return Response(StatementDetailResponse(statement).data, status=201)

    @extend_schema(
        operation_id="statements_retrieve",
        parameters=[FORMAT],
        responses={
            (200, "application/json"): StatementDetailResponse,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, XLSX): OpenApiTypes.BINARY,
        },
        tags=TAGS,
    )
    def retrieve(self, request: Request, pk: str) -> Response | HttpResponse:
        """A statement with its lines and adjustments, as JSON, CSV or XLSX."""
        statement = self.get_object()
        form = wanted_file(request)
        if form is None:
            return Response(StatementDetailResponse(statement).data)
        name = f"statement-{self.principal.home.slug}-{statement.month:%Y-%m}.{form}"
        return HttpResponse(
            FILES[form](statement),
            content_type=MEDIA_TYPES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @extend_schema(
        operation_id="statements_preview",
        parameters=[
            OpenApiParameter("month", OpenApiTypes.STR, required=True, description="Such as 2026-03."),
            OpenApiParameter(
                "as_of", OpenApiTypes.DATETIME, description="By what was known at this moment; default: now."
            ),
        ],
        responses=StatementPreviewResponse,
        tags=TAGS,
        filters=False,
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def preview(self, request: Request) -> Response:
        """What a month costs, running months too. A closed one is priced by the rules frozen with it."""
        asked = StatementPreviewRequest(data=request.query_params)
        asked.is_valid(raise_exception=True)
        mark = watermark()
        found = month_bill(tenant=self.principal.home, **asked.validated_data)
        told = StatementPreviewResponse(
            _told(found, mark._asdict()), context={"tenant": self.principal.home, "as_of": found.as_of}
        )
        return Response(told.data)

    @extend_schema(
        methods=["GET"],
        operation_id="statements_adjustments_list",
        responses=OpenApiResponse(AdjustmentResponse(many=True)),
        tags=TAGS,
        filters=False,
    )
    @extend_schema(
        methods=["POST"],
        operation_id="statements_adjust",
        request=AdjustmentCreateRequest,
        responses={201: AdjustmentCreateResponse, 200: AdjustmentCreateResponse},
        tags=TAGS,
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def adjustments(self, request: Request, pk: str) -> Response:
        """What came late, was voided or amended after the close; a POST that finds nothing answers 200."""
        statement = self.get_object()
        if request.method == "GET":
            return Response(adjustments_told(statement))
        given = validated(AdjustmentCreateRequest, request)
        made = statement_adjust(by=self.principal, statement=statement, **given)
        if made is None:
            return Response({"adjustment": None})
        return Response({"adjustment": adjustments_told(statement)[-1]}, status=201)

    @extend_schema(operation_id="statements_verify", responses=StatementVerifyResponse, tags=TAGS)
    @action(detail=True, methods=["get"])
    def verify(self, request: Request, pk: str) -> Response:
        """Compute every digest and sum again and say what does not hold."""
        statement = self.get_object()
        problems = statement_problems(statement)
        answer = {"valid": not problems, "digest": statement.digest, "problems": problems}
        return Response(StatementVerifyResponse(answer).data)


def _told(found: MonthBill, mark: dict[str, Any]) -> dict[str, Any]:
    return {
        "basis": found.basis,
        "status": "open" if found.statement is None else "closed",
        "totals": found.totals,
        "lines": found.lines,
        "as_of": found.as_of,
        **mark,
    }

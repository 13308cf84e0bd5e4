"""Usage reports of Gcore: asked for, waited for, and taken away as JSON, CSV or XLSX."""

import math
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import TenantViewSet, validated
from accounts.api.files import accepted_file
from accounts.errors import AppError, Conflict, UpstreamFailed, UpstreamTimeout
from accounts.permissions import refuse_other_tenant
from accounts.principals import Principal
from gcore.api.documents import (
    FORMATS,
    ReportCreateRequest,
    ReportEnvelope,
    ReportFormatRequest,
    ReportResponse,
    envelope_of,
    error_of,
)
from gcore.api.waiting import DEFAULT_SECONDS, wait_of, waited
from gcore.models import ReportJob
from gcore.queries.reports import ALL, Report, report_of, visible_jobs
from gcore.report_files import FILES, XLSX, csv_json, envelope_parts, report_file, rows_json, sent, xlsx_json
from gcore.services.reports import Wanted, asked_delete, product_request

TAGS: Final = ["gcore"]
PRODUCTS: Final = (*ReportJob.Product.values, ALL)
DATA: Final = {"json": rows_json, "csv": csv_json, "excel": xlsx_json}
State = ReportJob.State
ANSWERS: Final[Any] = {
    (200, "application/json"): ReportEnvelope,
    (200, "text/csv"): OpenApiTypes.STR,
    (200, XLSX): OpenApiTypes.BINARY,
    202: OpenApiResponse(
        ReportEnvelope, "It is not finished; `Location` says where to look, `Retry-After` when."
    ),
}
PREFER: Final = OpenApiParameter(
    "Prefer", OpenApiTypes.STR, OpenApiParameter.HEADER,
    description="`wait=N`: seconds to wait for the end of the report, at most 60; default: 20.",
)  # fmt: skip
FORMAT: Final = OpenApiParameter("format", OpenApiTypes.STR, enum=FORMATS, description="Default: json.")


class RefreshRequest(serializers.Serializer[Any]):
    refresh = serializers.BooleanField(default=False)


class ReportFilter(filters.FilterSet):
    status = filters.ChoiceFilter(field_name="state", choices=State.choices)
    product = filters.ChoiceFilter(choices=ReportJob.Product.choices)
    gcore_user_id = filters.CharFilter(field_name="client_id", max_length=20)


class ReportViewSet(ListModelMixin, TenantViewSet[ReportJob]):
    queryset = ReportJob.objects.select_related("account")
    serializer_class = ReportResponse
    filterset_class = ReportFilter
    required_scope: str | None = None

    def get_queryset(self) -> QuerySet[ReportJob]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        return visible_jobs(by=self.principal, tenant=self.principal.home).select_related("account")

    @extend_schema(operation_id="reports_list", responses=ReportResponse(many=True), tags=TAGS)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The tenant's reports, newest first; a request for all products is three of them."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="reports_create",
        parameters=[
            OpenApiParameter("product", OpenApiTypes.STR, OpenApiParameter.PATH, enum=PRODUCTS),
            OpenApiParameter(
                "refresh", OpenApiTypes.BOOL, description="Ask Gcore anew, even if a report runs or is fresh."
            ),
            PREFER,
        ],
        request=ReportCreateRequest,
        responses=ANSWERS,
        tags=TAGS,
    )
    def create(self, request: Request, product: str) -> HttpResponseBase:
        """Ask for the usage of a Gcore client that is mapped to the tenant (else 403), or of all products.

        A report of the same that runs, or finished in the last 15 minutes, is used again. 502 and 504 tell
        in Gcore's words why there is none. `all` names each product's outcome in `products`: `partial` is a
        report in which some failed; as CSV and XLSX there is none of it, as a file is whole or is not.
        """
        given = validated(ReportCreateRequest, request)
        refresh = RefreshRequest(data=request.query_params)
        refresh.is_valid(raise_exception=True)
        refuse_other_tenant(self.principal, given["tenant_id"])
        wanted = Wanted(given["gcore_user_id"], given["start_date"], given["end_date"])
        made = product_request(
            by=self.principal,
            tenant=self.principal.home,
            product=product,
            wanted=wanted,
            **refresh.validated_data,
        )
        report = self._waited(request, made.pk, DEFAULT_SECONDS)
        return _answered(request, self.principal, report, given["format"])

    @extend_schema(
        operation_id="reports_retrieve",
        parameters=[FORMAT, PREFER],
        responses=ANSWERS,
        tags=TAGS,
        filters=False,
    )
    def retrieve(self, request: Request, uuid: UUID) -> HttpResponseBase:
        """How far a report is, and its rows once it is completed. It waits only when asked to."""
        form = _format(request)
        report = self._waited(request, uuid, 0)
        if not report.is_running and not report.completed and _file(request) is None:
            return Response(envelope_of(report, self.principal))
        return _answered(request, self.principal, report, form)

    @extend_schema(
        operation_id="reports_download",
        parameters=[PREFER],
        request=ReportFormatRequest,
        responses=ANSWERS,
        tags=TAGS,
        filters=False,
    )
    def download(self, request: Request, uuid: UUID) -> HttpResponseBase:
        """The rows of a completed report, in the form that is asked for."""
        form = _format(request)
        return _answered(request, self.principal, self._waited(request, uuid, DEFAULT_SECONDS), form)

    @extend_schema(operation_id="reports_destroy", responses={204: None}, tags=TAGS)
    def destroy(self, request: Request, uuid: UUID) -> Response:
        """Call off a report that runs; remove one that has ended, with its rows and file."""
        asked_delete(by=self.principal, report=self._report(uuid))
        return Response(status=204)

    def _report(self, uuid: UUID) -> Report:
        return report_of(by=self.principal, tenant=self.principal.home, report_id=uuid)

    def _waited(self, request: Request, uuid: UUID, default: int) -> Report:
        return waited(partial(self._report, uuid), wait_of(request, default))


def _format(request: Request) -> str:
    """From the body, which the older service wanted even with GET, or from the query."""
    body = request.data if isinstance(request.data, dict) else {}
    read = ReportFormatRequest(data={**request.query_params.dict(), **body})
    read.is_valid(raise_exception=True)
    form: str = read.validated_data["format"]
    return form


def _file(request: Request) -> str | None:
    """`xlsx` or `csv` when the call asks for the file itself."""
    return accepted_file(request, {name: media_type for name, (media_type, _) in FILES.items()})


def _answered(request: Request, by: Principal, report: Report, form: str) -> HttpResponseBase:
    """Errors: 502, 504 or 409 (called off) when there are no rows, or not all that a file needs."""
    if report.is_running:
        return Response(envelope_of(report, by), status=202, headers=_later(request, report))
    chosen = _file(request)
    if not report.completed or (chosen and report.failed):
        raise _failure(report, by)
    if chosen:
        return report_file(request._request, report, chosen)
    parts = envelope_parts(envelope_of(report, by), DATA[form](report))
    return sent(request._request, report, parts, content_type="application/json")


def _later(request: Request, report: Report) -> dict[str, str]:
    path = request._request.path
    root = path[: path.index("/reports")]
    now = timezone.now()
    waits = [(job.next_poll_at - now).total_seconds() for job in report.jobs if job.next_poll_at]
    # What a worker is at has a lease until then, but may be done any moment.
    wait = min([*waits, settings.REPORT_POLL_INTERVAL])
    return {"Location": f"{root}/reports/gcore/{report.id}", "Retry-After": str(max(1, math.ceil(wait)))}


def _failure(report: Report, by: Principal) -> AppError:
    kinds: dict[str, type[AppError]] = {State.TIMED_OUT: UpstreamTimeout, State.CANCELLED: Conflict}
    kind = kinds.get(report.status, UpstreamFailed)
    told = envelope_of(report, by)
    errors = [{"field": job.product, "message": job.error} for job in report.failed]
    shown = ("uuid", "status", "products", "first_lines")
    return kind(error_of(report), errors=errors, extra={name: told[name] for name in shown if name in told})

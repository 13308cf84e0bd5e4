"""Reports asked of Gcore: how far each is, what it brought, and its file as it came."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from accounts.admin.asking import confirmed
from accounts.admin.base import ReadOnlyAdmin, Rows
from accounts.admin.desk import caller
from accounts.services.logs import audit
from gcore.models import ReportAside, ReportJob
from gcore.services.reports import report_cancel, report_retry


class Asides(Rows):
    model = ReportAside
    fields = readonly_fields = ("position", "reason", "text")
    verbose_name_plural = "rows that could not be read"


@admin.register(ReportJob)
class ReportJobAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at", "tenant", "product", "client_id", "start_date", "end_date", "state", "progress",
        "attempts", "next_poll_at", "row_count", "aside_rows", "file", "error",
    )  # fmt: skip
    list_filter = ("state", "product", ("created_at", admin.DateFieldListFilter), "account")
    list_select_related = ("tenant", "account")
    search_fields = ("=client_id", "tenant__slug", "=upstream_id")
    exclude = ("raw",)
    inlines = [Asides]
    actions = ("retry", "cancel")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("file",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        return [path("<uuid:job_id>/file/", view, name="gcore_reportjob_file"), *super().get_urls()]

    @admin.display(description="file")
    def file(self, job: ReportJob) -> str:
        if not job.raw:
            return "-"
        return format_html(
            '<a href="{}">{} bytes</a>', reverse("admin:gcore_reportjob_file", args=[job.pk]), job.size
        )

    def download(self, request: HttpRequest, job_id: UUID) -> FileResponse:
        """Gcore's file as it came, with the rows of every customer in it."""
        job = get_object_or_404(ReportJob, pk=job_id)
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        if not job.raw:
            raise Http404
        audit(by=caller(request), action="report.file_read", tenant=job.tenant, subject=job)
        return FileResponse(
            job.raw.open("rb"),
            as_attachment=True,
            filename=f"gcore-{job.product}-{job.start_date}-{job.end_date}-{job.sha256[:8]}.csv",
            content_type="application/octet-stream",
        )

    @admin.action(description="Try again from the start", permissions=["handle"])
    def retry(self, request: HttpRequest, rows: QuerySet[ReportJob]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="retry", title="Try these reports again",
            verb=lambda job: report_retry(by=by, job=job),
        )  # fmt: skip

    @admin.action(description="Call off", permissions=["handle"])
    def cancel(self, request: HttpRequest, rows: QuerySet[ReportJob]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="cancel", title="Call these reports off",
            verb=lambda job: report_cancel(by=by, job=job),
        )  # fmt: skip

"""Builds: listed, on a board, with their history; cancelled, retried, revoked, assigned to a channel."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.asking import each_confirmed
from accounts.admin.base import LedgerAdmin, Rows
from accounts.admin.desk import caller
from builds.models import Artifact, Build, BuildFailure, BuildState, Platform, Resume, StateCode
from builds.models.catalogue import validate_slug
from builds.queries.board import LATELY, MOST, board_of
from builds.queries.builds import builds_read, state_of
from builds.queries.overdue import overdue
from builds.rules import OPEN
from builds.services.builds import build_cancel
from builds.services.channels import channel_assign
from builds.services.retries import build_retry
from builds.services.revocation import build_revoke
from builds.timing import HEARTBEAT_STALE


class PhaseFilter(admin.SimpleListFilter):
    title = parameter_name = "phase"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        return list(StateCode.Phase.choices)

    def queryset(self, request: HttpRequest, rows: QuerySet[Build]) -> QuerySet[Build]:
        if not self.value():
            return rows
        return rows.filter(template__codes__code=F("state_code"), template__codes__phase=self.value())


class AttentionFilter(admin.SimpleListFilter):
    title = parameter_name = "attention"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        return [
            ("open", "Open"),
            ("overdue", "Overdue"),
            ("stuck", "Stuck: heartbeats stopped"),
            ("revoked", "Revoked"),
        ]

    def queryset(self, request: HttpRequest, rows: QuerySet[Build]) -> QuerySet[Build]:
        now = timezone.now()
        if self.value() == "open":
            return rows.filter(status__in=OPEN)
        if self.value() == "overdue":
            return overdue(rows, now)
        if self.value() == "stuck":
            return rows.filter(status__in=OPEN, heartbeat_at__lte=now - HEARTBEAT_STALE)
        return rows.filter(revoked_at__isnull=False) if self.value() == "revoked" else rows


class History(Rows):
    model = BuildState
    fields = readonly_fields = (
        "seq", "at", "state_code", "status", "attempt", "message", "reason", "fault", "outcome", "duration",
        "run_id", "actor", "applied",
    )  # fmt: skip

    @admin.display(description="minutes")
    def duration(self, row: BuildState) -> str:
        return "" if row.duration_seconds is None else f"{row.duration_seconds / 60:.1f}"


class Failures(Rows):
    model = BuildFailure
    fields = readonly_fields = (
        "created_at", "state_code", "attempt", "error_code", "component", "error_message", "fault",
        "retryable", "occurrences", "resolution",
    )  # fmt: skip


class Resumes(Rows):
    model = Resume
    fields = readonly_fields = ("created_at", "failed_code", "from_code", "requested_by", "reason", "outcome")


class Artifacts(Rows):
    model = Artifact
    fields = readonly_fields = (
        "name", "type", "path", "state_code", "is_final", "is_resumable", "expires_at", "deleted_at",
    )  # fmt: skip


class AssignForm(forms.Form):
    name = forms.CharField(
        label="Channel",
        max_length=63,
        validators=[validate_slug],
        help_text="Such as production; made where there is none.",
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, required=False)


@admin.register(Build)
class BuildAdmin(LedgerAdmin):
    list_display = (
        "build_id", "tenant", "platform", "os_version", "image_type", "bar", "phase", "status", "fault",
        "reason", "entered_at", "revoked_at",
    )  # fmt: skip
    list_filter = (
        "status", PhaseFilter, AttentionFilter, "fault", ("created_at", admin.DateFieldListFilter),
        "platform", "os_version", "image_type",
    )  # fmt: skip
    search_fields = ("build_id__exact", "run_id__exact", "commit_hash__exact")
    search_help_text = "A whole build id, run id or commit."
    readonly_fields = ("bar", "phase")
    fields = (
        "tenant", "build_id", ("platform", "os_version", "image_type"), ("project", "template", "parent"),
        "bar", ("phase", "state_code", "status", "attempt"), "message", ("reason", "fault", "retryable"),
        ("run_id", "pipeline_url", "commit_hash"), "metadata",
        ("created_at", "started_at", "entered_at", "ended_at"),
        ("reported_at", "heartbeat_at", "cancel_requested_at", "overdue_told_at"),
        ("revoked_at", "revoked_because", "revoked_with"),
    )  # fmt: skip
    inlines = [History, Failures, Resumes, Artifacts]
    actions = ("cancel", "retry", "revoke", "assign")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Build]:
        rows: QuerySet[Build] = super().get_queryset(request)
        return builds_read(rows).select_related("tenant")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.board)
        return [path("board/", view, name="builds_build_board"), *super().get_urls()]

    @admin.display(description="progress", ordering="state_code")
    def bar(self, build: Build) -> SafeString:
        code = build.state_code
        return format_html('<progress max="100" value="{}"></progress> {}', code, code)

    @admin.display
    def phase(self, build: Build) -> str:
        return state_of(build).phase

    def board(self, request: HttpRequest) -> HttpResponse:
        """What is being built and what ended lately, a column for each phase."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.get_queryset(request)
        chosen = {name: request.GET.get(name, "")[:63] for name in ("tenant", "platform")}
        wanted = {f"{name}__slug": slug for name, slug in chosen.items() if slug}
        context = {
            **self.admin_site.each_context(request),
            "title": "Board",
            "opts": self.opts,
            "board": board_of(rows.filter(**wanted)),
            "most": MOST,
            "days": LATELY.days,
            "chosen": chosen,
            "platforms": Platform.objects.order_by("slug").values_list("slug", flat=True).distinct(),
        }
        return TemplateResponse(request, "admin/builds/build/board.html", context)

    @admin.action(description="Cancel", permissions=["handle"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Build]) -> HttpResponse | None:
        return self._each(request, rows, "cancel", "Cancel these builds", build_cancel)

    @admin.action(description="Retry where it failed", permissions=["handle"])
    def retry(self, request: HttpRequest, rows: QuerySet[Build]) -> HttpResponse | None:
        return self._each(request, rows, "retry", "Retry these builds", build_retry)

    @admin.action(description="Revoke", permissions=["handle"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Build]) -> HttpResponse | None:
        title = "Revoke these builds and all that is made from them"
        return self._each(request, rows, "revoke", title, build_revoke, ReasonForm)

    @admin.action(description="Assign to a channel", permissions=["handle"])
    def assign(self, request: HttpRequest, rows: QuerySet[Build]) -> HttpResponse | None:
        title = "Assign to a channel"
        return self._each(request, rows, "assign", title, channel_assign, AssignForm)

    def _each(
        self,
        request: HttpRequest,
        rows: QuerySet[Build],
        action: str,
        title: str,
        verb: Callable[..., object],
        form: type[forms.Form] = forms.Form,
    ) -> HttpResponse | None:
        def done(build: Build, **given: str) -> object:
            return verb(by=caller(request, build.tenant), build=build, **given)

        return each_confirmed(self, request, rows, action=action, title=title, verb=done, form=form)

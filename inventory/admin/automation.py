"""Automation rules: written here too, with what each would match now, planned, approved and taken back."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from accounts.admin.asking import confirmed
from accounts.admin.base import Deleting, LedgerAdmin, Rows, ServiceAdmin
from accounts.admin.desk import caller
from inventory.models import AutomationRule, AutomationRun, AutomationTarget
from inventory.queries.automation import rule_preview, rule_problem
from inventory.services.automation_plans import rule_plan
from inventory.services.automation_rules import FIELDS, rule_create, rule_delete, rule_update
from inventory.services.automation_runs import run_approve, run_reject, run_undo


class Runs(Rows):
    model = AutomationRun
    show_change_link = True
    fields = readonly_fields = (
        "created_at",
        "state",
        "cause",
        "matched",
        "planned_by",
        "decided_by",
        "message",
    )
    verbose_name_plural = "runs, the newest first"


class Targets(Rows):
    model = AutomationTarget
    fields = readonly_fields = (
        "position",
        "action",
        "provider",
        "native_id",
        "why",
        "state",
        "result",
        "inverse",
    )


@admin.register(AutomationRule)
class AutomationRuleAdmin(Deleting, ServiceAdmin):
    list_display = ("name", "tenant", "is_enabled", "when", "what", "requires_approval", "problem", "preview")
    list_filter = ("is_enabled", "requires_approval")
    list_select_related = ("tenant",)
    search_fields = ("name", "=tenant__slug")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", *FIELDS, "problem", "version", "created_by", "changed_by", "fired_at")
    inlines = (Runs,)
    actions = ("plan",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        told = ("problem", "version", "created_by", "changed_by", "fired_at")
        return ("tenant", *told) if obj else told

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.matches)
        return [
            path("<uuid:rule_id>/matches/", view, name="inventory_automationrule_matches"),
            *super().get_urls(),
        ]

    @admin.display
    def when(self, rule: AutomationRule) -> str:
        return " ".join(str(value) for value in rule.trigger.values())

    @admin.display
    def what(self, rule: AutomationRule) -> str:
        return ", ".join(action["type"] for action in rule.actions)

    @admin.display
    def problem(self, rule: AutomationRule) -> str:
        return rule_problem(rule) if rule.pk else ""

    @admin.display(description="would match")
    def preview(self, rule: AutomationRule) -> str:
        return format_html(
            '<a href="{}">now</a>', reverse("admin:inventory_automationrule_matches", args=[rule.pk])
        )

    def matches(self, request: HttpRequest, rule_id: UUID) -> HttpResponse:
        """What the rule would match now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rule = get_object_or_404(AutomationRule.objects.select_related("tenant"), pk=rule_id)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{rule.name}: what it would match now",
            "opts": self.opts,
            "rule": rule,
            "preview": rule_preview(rule),
        }
        return TemplateResponse(request, "admin/inventory/automationrule/matches.html", context)

    def save_model(
        self, request: HttpRequest, obj: AutomationRule, form: "ModelForm[Any]", change: bool
    ) -> None:
        by = caller(request, obj.tenant)
        if change:
            rule_update(by=by, rule=obj, changes=self.changed(form))
        else:
            given = {name: getattr(obj, name) for name in FIELDS}
            obj.pk = rule_create(by=by, tenant=obj.tenant, **given).pk

    def delete_model(self, request: HttpRequest, obj: AutomationRule) -> None:
        rule_delete(by=caller(request, obj.tenant), rule=obj)

    @admin.action(description="Plan what the chosen rules would do", permissions=["handle"])
    def plan(self, request: HttpRequest, rows: QuerySet[AutomationRule]) -> HttpResponse | None:
        def verb(rule: AutomationRule) -> Any:
            return rule_plan(by=caller(request, rule.tenant), rule=rule)

        return confirmed(self, request, rows, action="plan", title="Plan these rules", verb=verb)


@admin.register(AutomationRun)
class AutomationRunAdmin(LedgerAdmin):
    list_display = (
        "created_at", "tenant", "rule", "state", "cause", "matched", "planned_by", "decided_by", "expires_at",
        "message",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("tenant", "rule")
    search_fields = ("=tenant__slug", "rule__name", "=hash")
    inlines = (Targets,)
    actions = ("approve", "reject", "undo")

    @admin.action(description="Approve the chosen plans", permissions=["handle"])
    def approve(self, request: HttpRequest, rows: QuerySet[AutomationRun]) -> HttpResponse | None:
        return self._done(request, rows, "approve", "Approve these plans", run_approve)

    @admin.action(description="Reject the chosen plans", permissions=["handle"])
    def reject(self, request: HttpRequest, rows: QuerySet[AutomationRun]) -> HttpResponse | None:
        return self._done(request, rows, "reject", "Reject these plans", run_reject)

    @admin.action(description="Take the chosen runs back", permissions=["handle"])
    def undo(self, request: HttpRequest, rows: QuerySet[AutomationRun]) -> HttpResponse | None:
        return self._done(request, rows, "undo", "Take these runs back", run_undo)

    def _done(
        self, request: HttpRequest, rows: QuerySet[AutomationRun], name: str, title: str, service: Any
    ) -> HttpResponse | None:
        def verb(run: AutomationRun) -> Any:
            return service(by=caller(request, run.tenant), run=run)

        return confirmed(self, request, rows, action=name, title=title, verb=verb)

"""Recommendations, what people said of them, computations, thresholds, and what was saved."""

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import asked, confirmed
from accounts.admin.base import LedgerAdmin, ServiceAdmin
from accounts.admin.desk import caller
from accounts.errors import AppError
from inventory.models import RealisedSaving, Recommendation, RecommendationRun, RuleSetting
from inventory.services.recommendations import (
    recommendation_dismiss,
    recommendation_done,
    recommendation_reopen,
)
from inventory.services.recommending import recommendations_request
from inventory.services.rules import rule_set

REASON: Final = "Said in the back office."


@admin.register(Recommendation)
class RecommendationAdmin(LedgerAdmin):
    list_display = (
        "native_id", "tenant", "rule", "priority", "saving_monthly", "currency", "status", "opened_at",
    )  # fmt: skip
    list_filter = ("status", "priority", "recommendation_type")
    list_select_related = ("tenant",)
    search_fields = ("=native_id", "=rule", "=tenant__slug")
    search_help_text = "What the provider calls the resource, rule or tenant in full."
    actions = ("dismiss", "mark_done", "reopen")

    @admin.action(description="Dismiss", permissions=["handle"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Recommendation]) -> HttpResponse | None:
        return self._said(request, queryset, "dismiss", "Dismiss", recommendation_dismiss)

    @admin.action(description="Mark as done", permissions=["handle"])
    def mark_done(self, request: HttpRequest, queryset: QuerySet[Recommendation]) -> HttpResponse | None:
        return self._said(request, queryset, "mark_done", "Mark as done", recommendation_done)

    @admin.action(description="Open again", permissions=["handle"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Recommendation]) -> HttpResponse | None:
        return self._said(request, queryset, "reopen", "Open again", recommendation_reopen)

    def _said(
        self, request: HttpRequest, rows: QuerySet[Recommendation], action: str, title: str, verb: Any
    ) -> HttpResponse | None:
        return confirmed(
            self, request, rows.select_related("tenant"), action=action, title=title,
            verb=lambda row: verb(by=caller(request, row.tenant), row=row, reason=REASON),
        )  # fmt: skip


@admin.register(RecommendationRun)
class RecommendationRunAdmin(LedgerAdmin):
    list_display = (
        "started_at", "tenant", "state", "resources", "opened", "updated", "closed", "finished_at", "actor",
    )  # fmt: skip
    list_filter = ("state",)
    search_fields = ("=tenant__slug",)
    actions = ("again",)

    @admin.action(description="Compute these tenants' recommendations again", permissions=["handle"])
    def again(self, request: HttpRequest, queryset: QuerySet[RecommendationRun]) -> HttpResponse | None:
        rows = queryset.select_related("tenant")
        chosen = asked(self, request, rows, action="again", title="Compute again")
        if not isinstance(chosen, list):
            return chosen
        for tenant in {run.tenant for run in chosen}:
            try:
                recommendations_request(by=caller(request, tenant), tenant=tenant)
            except AppError as error:
                self.message_user(request, f"{tenant}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, f"{tenant}: on its way.", messages.SUCCESS)
        return None


@admin.register(RuleSetting)
class RuleSettingAdmin(ServiceAdmin):
    list_display = ("tenant", "rule", "is_enabled", "thresholds", "updated_at")
    list_filter = ("is_enabled",)
    list_select_related = ("tenant",)
    search_fields = ("=tenant__slug", "=rule")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", "rule", "is_enabled", "thresholds")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant", "rule") if obj else ()

    def save_model(
        self, request: HttpRequest, obj: RuleSetting, form: "ModelForm[Any]", change: bool
    ) -> None:
        kept = RuleSetting.objects.for_tenant(obj.tenant).filter(rule=obj.rule).first()
        emptied = dict.fromkeys(kept.thresholds if kept else ())
        setting = rule_set(
            by=caller(request, obj.tenant), tenant=obj.tenant, rule=obj.rule, is_enabled=obj.is_enabled,
            thresholds={**emptied, **obj.thresholds},
        )  # fmt: skip
        obj.pk = setting.pk


@admin.register(RealisedSaving)
class RealisedSavingAdmin(LedgerAdmin):
    list_display = (
        "recommendation", "tenant", "done_on", "days", "expected", "saving_monthly", "currency", "checked_at",
    )  # fmt: skip
    list_filter = ("days",)
    list_select_related = ("tenant", "recommendation")
    search_fields = ("=tenant__slug", "=recommendation__native_id")

"""Alerts to look at and close, and quotas to set."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import each_confirmed
from accounts.admin.base import Deleting, ReadOnlyAdmin, ServiceAdmin
from accounts.admin.desk import caller
from usage.models import Alert, Quota
from usage.services.alerts import alert_acknowledge, alert_resolve
from usage.services.quotas import quota_delete, quota_set


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "measure", "status", "status_since", "value", "operator", "threshold")
    list_filter = ("status", "measure", "is_active")
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__slug")
    actions = ("acknowledge", "resolve")

    @admin.action(description="Acknowledge", permissions=["handle"])
    def acknowledge(self, request: HttpRequest, rows: QuerySet[Alert]) -> HttpResponse | None:
        return self._each(request, rows, "acknowledge", "Acknowledge these alerts", alert_acknowledge)

    @admin.action(description="Resolve", permissions=["handle"])
    def resolve(self, request: HttpRequest, rows: QuerySet[Alert]) -> HttpResponse | None:
        return self._each(request, rows, "resolve", "Resolve these alerts", alert_resolve)

    def _each(
        self, request: HttpRequest, rows: QuerySet[Alert], action: str, title: str, verb: Any
    ) -> HttpResponse | None:
        return each_confirmed(
            self, request, rows, action=action, title=title,
            verb=lambda alert: verb(by=caller(request, alert.tenant), alert=alert),
        )  # fmt: skip


@admin.register(Quota)
class QuotaAdmin(Deleting, ServiceAdmin):
    list_display = ("tenant", "monthly_events", "hard", "told", "updated_at")
    list_select_related = ("tenant",)
    list_filter = ("hard",)
    search_fields = ("tenant__slug", "tenant__name")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", "monthly_events", "hard")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Quota, form: "ModelForm[Any]", change: bool) -> None:
        stored = quota_set(
            by=caller(request), tenant=obj.tenant, monthly_events=obj.monthly_events, hard=obj.hard
        )
        obj.pk = stored.pk

    def delete_model(self, request: HttpRequest, obj: Quota) -> None:
        quota_delete(by=caller(request), quota=obj)

"""Alerts to look at and close, and quotas to set."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin, ServiceAdmin, caller
from accounts.errors import AppError
from usage.models import Alert, Quota
from usage.services.alerts import alert_acknowledge, alert_resolve
from usage.services.quotas import quota_delete, quota_set


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "measure", "status", "status_since", "value", "operator", "threshold")
    list_filter = ("status", "measure", "is_active", "tenant")
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__slug")
    actions = ("acknowledge", "resolve")

    @admin.action(description="Acknowledge", permissions=["handle"])
    def acknowledge(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        self._each(request, alerts, alert_acknowledge)

    @admin.action(description="Resolve", permissions=["handle"])
    def resolve(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        self._each(request, alerts, alert_resolve)

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("usage.change_alert")

    def _each(self, request: HttpRequest, alerts: QuerySet[Alert], verb: Any) -> None:
        done = 0
        for alert in alerts:
            try:
                verb(by=caller(request, alert.tenant), alert=alert)
                done += 1
            except AppError as error:
                self.message_user(request, f"{alert}: {error.message}", messages.WARNING)
        self.message_user(request, f"{done} of {len(alerts)} done.")


@admin.register(Quota)
class QuotaAdmin(ServiceAdmin):
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

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("usage.delete_quota")

    def delete_model(self, request: HttpRequest, obj: Quota) -> None:
        quota_delete(by=caller(request), quota=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Quota]) -> None:
        for quota in queryset:
            quota_delete(by=caller(request), quota=quota)

"""What counts as an anomaly, and what was said of them."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import LedgerAdmin, ServiceAdmin
from accounts.admin.desk import caller
from inventory.models import AnomalyFeedback, AnomalyThresholds
from inventory.services.anomalies import anomaly_thresholds_set

EDITABLE = ("deviations", "percent", "minimum")


@admin.register(AnomalyThresholds)
class AnomalyThresholdsAdmin(ServiceAdmin):
    list_display = ("tenant", *EDITABLE, "updated_at")
    list_select_related = ("tenant",)
    search_fields = ("=tenant__slug",)
    autocomplete_fields = ("tenant",)
    fields = ("tenant", *EDITABLE)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: AnomalyThresholds, form: "ModelForm[Any]", change: bool
    ) -> None:
        changes = {name: getattr(obj, name) for name in EDITABLE}
        by = caller(request, obj.tenant)
        obj.pk = anomaly_thresholds_set(by=by, tenant=obj.tenant, changes=changes).pk


@admin.register(AnomalyFeedback)
class AnomalyFeedbackAdmin(LedgerAdmin):
    list_display = ("day", "tenant", "currency", "service", "account", "status", "note", "actor")
    list_filter = ("status",)
    search_fields = ("=tenant__slug", "=service", "=account")

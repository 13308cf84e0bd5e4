"""For how long each tenant's data are kept."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.base import ServiceAdmin
from accounts.admin.desk import caller
from accounts.models import RetentionPolicy
from accounts.services.retention import retention_set

DAYS = ("activity_days", "delivery_days", "upload_days", "report_days")


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(ServiceAdmin):
    list_display = ("tenant", *DAYS, "updated_at")
    list_select_related = ("tenant",)
    search_fields = ("tenant__slug", "tenant__name")
    autocomplete_fields = ("tenant",)
    fields = ("tenant", *DAYS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant",) if obj else ()

    def save_model(self, request: HttpRequest, obj: RetentionPolicy, form: Any, change: bool) -> None:
        days = {name: form.cleaned_data[name] for name in DAYS}
        obj.pk = retention_set(by=caller(request, obj.tenant), tenant=obj.tenant, days=days).pk

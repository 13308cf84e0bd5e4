"""Tenants."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.admin.base import ServiceAdmin
from accounts.admin.desk import caller
from accounts.admin.filters import has_tenant
from accounts.models import Tenant
from accounts.services.tenants import tenant_create, tenant_update


@admin.register(Tenant)
class TenantAdmin(ServiceAdmin):
    list_display = ("slug", "name", "currency", "timezone", "rate_limit", "is_active", "created_at")
    list_filter = ("is_active", "currency")
    search_fields = ("slug", "name", "contact_email")
    date_hierarchy = "created_at"
    readonly_fields = ("id", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("slug", "name", "contact_email", "is_active")}),
        ("Defaults", {"fields": ("timezone", "currency")}),
        ("Limits and browsers", {"fields": ("rate_limit", "cors_origins")}),
        ("Times", {"fields": ("created_at", "updated_at", "id")}),
    )
    change_form_template = "admin/accounts/tenant.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The slug is in the clients' settings: it is chosen once. Who ends no tenant switches none off."""
        kept = () if self.has_end_permission(request) else ("is_active",)
        return (*(("slug",) if obj else ()), *kept, *self.readonly_fields)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """With the way to every list that has rows of tenants."""
        context["rooms"] = [(app["name"], self._lists(app)) for app in self.admin_site.get_app_list(request)]
        return super().render_change_form(request, context, *args, **kwargs)

    def _lists(self, app: dict[str, Any]) -> list[dict[str, Any]]:
        return [known for known in app["models"] if has_tenant(known["model"])]

    def save_model(self, request: HttpRequest, obj: Tenant, form: "ModelForm[Any]", change: bool) -> None:
        by = caller(request)
        if change:
            tenant_update(by=by, tenant=obj, changes=self.changed(form))
        else:
            obj.pk = tenant_create(by=by, **form.cleaned_data).pk

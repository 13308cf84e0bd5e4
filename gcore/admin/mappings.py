"""Which Gcore clients a tenant sees."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.base import ServiceAdmin, caller, confirmed
from gcore.models import ClientMapping
from gcore.services.mappings import mapping_create, mapping_delete, mapping_import


@admin.register(ClientMapping)
class ClientMappingAdmin(ServiceAdmin):
    """A mapping is made and ended; only whether it is imported changes."""

    list_display = ("client_id", "name", "tenant", "account", "is_imported", "created_at")
    list_filter = ("account", "is_imported")
    list_select_related = ("tenant", "account")
    search_fields = ("=client_id", "name", "tenant__slug")
    autocomplete_fields = ("tenant", "account")
    fields = ("tenant", "account", "client_id", "name")
    actions = ("import_on", "import_off", "remove")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ClientMapping, form: Any, change: bool) -> None:
        obj.pk = mapping_create(by=caller(request, obj.tenant), **form.cleaned_data).pk

    @admin.action(description="Close to the tenant", permissions=["remove"])
    def remove(self, request: HttpRequest, rows: QuerySet[ClientMapping]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="remove", title="Close these clients to their tenants",
            verb=lambda mapping: mapping_delete(by=by, mapping=mapping),
        )  # fmt: skip

    @admin.action(description="Import every night", permissions=["remove"])
    def import_on(self, request: HttpRequest, rows: QuerySet[ClientMapping]) -> None:
        self._import(request, rows, on=True)

    @admin.action(description="Import no more", permissions=["remove"])
    def import_off(self, request: HttpRequest, rows: QuerySet[ClientMapping]) -> None:
        self._import(request, rows, on=False)

    def _import(self, request: HttpRequest, rows: QuerySet[ClientMapping], *, on: bool) -> None:
        for mapping in rows.select_related("tenant", "account"):
            mapping_import(by=caller(request), mapping=mapping, on=on)

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("gcore.delete_clientmapping")

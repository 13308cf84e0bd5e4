"""Which Gcore clients a tenant sees."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ServiceAdmin
from accounts.admin.desk import caller
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

    @admin.action(description="Close to the tenant", permissions=["end"])
    def remove(self, request: HttpRequest, rows: QuerySet[ClientMapping]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="remove", title="Close these clients to their tenants",
            verb=lambda mapping: mapping_delete(by=by, mapping=mapping),
        )  # fmt: skip

    @admin.action(description="Import every night", permissions=["handle"])
    def import_on(self, request: HttpRequest, rows: QuerySet[ClientMapping]) -> HttpResponse | None:
        return self._import(request, rows, "import_on", "Import these clients every night", on=True)

    @admin.action(description="Import no more", permissions=["handle"])
    def import_off(self, request: HttpRequest, rows: QuerySet[ClientMapping]) -> HttpResponse | None:
        return self._import(request, rows, "import_off", "Import these clients no more", on=False)

    def _import(
        self, request: HttpRequest, rows: QuerySet[ClientMapping], action: str, title: str, *, on: bool
    ) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action=action, title=title,
            verb=lambda mapping: mapping_import(by=by, mapping=mapping, on=on),
        )  # fmt: skip

"""The nightly import: what has come in, what has not, and why."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import ReadOnlyAdmin
from accounts.admin.desk import caller
from gcore.models import ProviderImport
from gcore.services.imports import import_again


@admin.register(ProviderImport)
class ProviderImportAdmin(ReadOnlyAdmin):
    list_display = (
        "day", "tenant", "mapping", "kind", "state", "counts", "tries", "next_step_at", "asked_at",
        "finished_at", "error",
    )  # fmt: skip
    list_filter = ("state", "kind", ("day", admin.DateFieldListFilter))
    list_select_related = ("tenant", "mapping__tenant")
    search_fields = ("=mapping__client_id", "tenant__slug")
    ordering = ("-day", "-id")
    actions = ("again",)

    @admin.action(description="Import again", permissions=["handle"])
    def again(self, request: HttpRequest, rows: QuerySet[ProviderImport]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, rows, action="again", title="Import these days again",
            verb=lambda run: import_again(by=by, run=run),
        )  # fmt: skip

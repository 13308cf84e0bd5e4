"""Imports: what came, from whom, and what became of it; files are undone here too."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.asking import confirmed
from accounts.admin.base import LedgerAdmin
from accounts.admin.desk import caller
from inventory.models import Import, MappingProfile
from inventory.services.imports import import_undo


@admin.register(Import)
class ImportAdmin(LedgerAdmin):
    list_display = (
        "created_at", "tenant", "kind", "origin", "source", "file_name", "state", "rows", "inserted",
        "updated", "unchanged", "removed", "rejected",
    )  # fmt: skip
    list_filter = ("kind", "origin", "state")
    search_fields = ("=tenant__slug", "file_name", "=sha256")
    search_help_text = "Tenant or hash in full, or a part of a file's name."
    actions = ("undo",)

    @admin.action(description="Undo the chosen files", permissions=["handle"])
    def undo(self, request: HttpRequest, rows: QuerySet[Import]) -> HttpResponse | None:
        def verb(run: Import) -> Any:
            return import_undo(by=caller(request, run.tenant), run=run)

        return confirmed(self, request, rows, action="undo", title="Undo these imports", verb=verb)


@admin.register(MappingProfile)
class MappingProfileAdmin(LedgerAdmin):
    list_display = ("name", "tenant", "kind", "updated_at")
    list_filter = ("kind",)
    search_fields = ("=tenant__slug", "name")

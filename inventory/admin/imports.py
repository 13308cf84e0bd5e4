"""Imports: what came, from whom, and what became of it."""

from django.contrib import admin

from accounts.admin.base import LedgerAdmin
from inventory.models import Import


@admin.register(Import)
class ImportAdmin(LedgerAdmin):
    list_display = (
        "created_at", "tenant", "kind", "origin", "source", "file_name", "state", "rows", "inserted",
        "updated", "unchanged", "removed", "rejected",
    )  # fmt: skip
    list_filter = ("kind", "origin", "state")
    search_fields = ("=tenant__slug", "file_name", "=sha256")
    search_help_text = "Tenant or hash in full, or a part of a file's name."

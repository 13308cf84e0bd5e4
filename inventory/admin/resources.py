"""Resources and their history, which their sources tell."""

from django.contrib import admin

from accounts.admin.base import LedgerAdmin
from inventory.models import Resource, ResourceChange


@admin.register(Resource)
class ResourceAdmin(LedgerAdmin):
    list_display = (
        "resource_id",
        "tenant",
        "provider",
        "resource_type",
        "region",
        "state",
        "cost_monthly",
        "last_seen_at",
    )
    search_fields = ("=resource_id", "=tenant__slug")
    search_help_text = "Resource id or tenant in full."


@admin.register(ResourceChange)
class ResourceChangeAdmin(LedgerAdmin):
    list_display = ("at", "tenant", "resource", "kind", "actor", "source_import")
    list_select_related = ("tenant", "resource", "source_import")
    search_fields = ("=resource__resource_id", "=tenant__slug", "=actor")
    search_help_text = "Resource id, tenant or actor in full."

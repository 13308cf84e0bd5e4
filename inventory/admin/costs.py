"""Lines of bills, which their imports bring."""

from django.contrib import admin

from accounts.admin.base import LedgerAdmin
from inventory.models import Charge, CostDay, CostLine


@admin.register(Charge)
class ChargeAdmin(LedgerAdmin):
    list_display = ("provider", "tenant", "service_name", "region", "resource_id", "charge_category")
    search_fields = ("=resource_id", "=service_name", "=tenant__slug")
    search_help_text = "Resource id, service or tenant in full."


@admin.register(CostDay)
class CostDayAdmin(LedgerAdmin):
    list_display = ("day", "tenant", "source", "provider", "billing_account_id", "is_live", "source_import")
    list_filter = ("is_live",)
    list_select_related = ("tenant", "source_import")
    search_fields = ("=tenant__slug", "=source", "=billing_account_id")
    date_hierarchy = "day"


@admin.register(CostLine)
class CostLineAdmin(LedgerAdmin):
    list_display = (
        "charge_start",
        "tenant",
        "charge",
        "billed_cost",
        "effective_cost",
        "currency",
        "source_import",
        "row_number",
    )
    list_select_related = ("tenant", "charge", "source_import")
    search_fields = ("=tenant__slug", "=charge__resource_id", "=charge__service_name")
    search_help_text = "Tenant, resource id or service in full."

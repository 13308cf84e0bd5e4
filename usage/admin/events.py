"""Events to look at."""

from django.contrib import admin

from usage.admin.base import LedgerAdmin
from usage.models import UsageEvent


@admin.register(UsageEvent)
class UsageEventAdmin(LedgerAdmin):
    list_display = (
        "event_id",
        "tenant",
        "timestamp",
        "service_type",
        "service_provider",
        "user_id",
    )
    list_filter = (("timestamp", admin.DateFieldListFilter), "tenant")
    search_fields = ("event_id__exact", "user_id__exact")
    search_help_text = "A whole event id or user id."

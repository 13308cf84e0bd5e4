"""The state of the sums: what they say, and which hours they do not cover at the moment."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from accounts.admin.base import LedgerAdmin
from usage.models import DirtyHour, Rollup
from usage.queries.backlog import dirty_hours_count, oldest_mark_seconds


@admin.register(DirtyHour)
class DirtyHourAdmin(LedgerAdmin):
    list_display = ("tenant", "hour")
    list_filter = (("hour", admin.DateFieldListFilter),)
    ordering = ("id",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        waited = oldest_mark_seconds()
        title = f"{dirty_hours_count()} dirty hours; the oldest mark has waited {waited:.0f} s"
        return super().changelist_view(request, {**(extra_context or {}), "title": title})


@admin.register(Rollup)
class RollupAdmin(LedgerAdmin):
    list_display = (
        "tenant",
        "level",
        "start",
        "service_type",
        "service_provider",
        "event_type",
        "user_id",
        "model",
        "count",
        "costs",
    )
    list_filter = ("level", ("start", admin.DateFieldListFilter))
    search_fields = ("user_id__exact", "service_type__exact")
    search_help_text = "A whole user id or service type."

"""Events to look at, with what became of them, and the corrections."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.admin.base import LedgerAdmin
from usage.models import Correction, UsageEvent
from usage.queries.dispositions import event_disposition


class CountsFilter(admin.SimpleListFilter):
    title = "counts"
    parameter_name = "counts"

    def lookups(self, request: HttpRequest, page: Any) -> list[tuple[str, str]]:
        return [("yes", "Now"), ("no", "No more: voided or amended"), ("amended", "Now, amended")]

    def queryset(self, request: HttpRequest, events: QuerySet[UsageEvent]) -> QuerySet[UsageEvent]:
        chosen: dict[str | None, dict[str, Any]] = {
            "yes": {"ended_at": None},
            "no": {"ended_at__isnull": False},
            "amended": {"ended_at": None, "revision__gt": 0},
        }
        return events.filter(**chosen.get(self.value(), {}))


@admin.register(UsageEvent)
class UsageEventAdmin(LedgerAdmin):
    list_display = (
        "event_id", "tenant", "timestamp", "service_type", "service_provider", "user_id", "revision",
        "ended_at",
    )  # fmt: skip
    list_filter = (CountsFilter, ("timestamp", admin.DateFieldListFilter))
    search_fields = ("event_id__exact", "user_id__exact")
    search_help_text = "A whole event id or user id."
    readonly_fields = ("corrections", "duplicates")

    def corrections(self, event: UsageEvent) -> SafeString:
        found = event_disposition(tenant=event.tenant, event_id=event.event_id).corrections
        rows = (
            (f"{one.created_at:%Y-%m-%d %H:%M:%S}", one.kind, one.revision, one.actor, one.reason)
            for one in found
        )
        return format_html_join("", "<p>{} {} of revision {} by {}: {}</p>", rows) or SafeString("None")

    def duplicates(self, event: UsageEvent) -> SafeString:
        found = event_disposition(tenant=event.tenant, event_id=event.event_id).duplicates
        moments = ((f"{moment:%Y-%m-%d %H:%M:%S}",) for moment in found)
        return format_html_join("", "<p>{}</p>", moments) or SafeString("None")


@admin.register(Correction)
class CorrectionAdmin(LedgerAdmin):
    list_display = ("event_id", "tenant", "kind", "revision", "reason", "actor", "created_at", "genuine")
    list_filter = ("kind", ("created_at", admin.DateFieldListFilter))
    search_fields = ("event_id__exact", "actor__exact")
    search_help_text = "A whole event id or actor."
    readonly_fields = ("genuine",)

    @admin.display(boolean=True, description="signature genuine")
    def genuine(self, correction: Correction) -> bool:
        return correction.is_genuine

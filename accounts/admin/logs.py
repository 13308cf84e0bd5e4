"""What happened: to be read, never to be written."""

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import ActivityCounter, ActivityEntry, AuditEntry, IdempotentCall


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "tenant", "object_type", "object_id", "address")
    list_filter = (("tenant", admin.EmptyFieldListFilter), ("at", admin.DateFieldListFilter))
    list_select_related = ("tenant",)
    search_fields = ("=actor", "^action", "=object_id", "=request_id", "=tenant__slug")
    search_help_text = "Actor, object id, request id or tenant in full; or the start of an action."
    date_hierarchy = "at"


@admin.register(ActivityEntry)
class ActivityEntryAdmin(ReadOnlyAdmin):
    list_display = ("ts", "tenant", "seq", "type", "actor")
    list_filter = (("actor", admin.EmptyFieldListFilter),)
    list_select_related = ("tenant",)
    search_fields = ("=tenant__slug", "^type", "=actor")
    date_hierarchy = "ts"


@admin.register(ActivityCounter)
class ActivityCounterAdmin(ReadOnlyAdmin):
    list_display = ("tenant", "last_seq")
    list_select_related = ("tenant",)
    search_fields = ("tenant__slug",)


@admin.register(IdempotentCall)
class IdempotentCallAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "actor", "tenant", "status")
    list_filter = (("status", admin.EmptyFieldListFilter),)
    list_select_related = ("tenant",)
    search_fields = ("=actor", "=tenant__slug")

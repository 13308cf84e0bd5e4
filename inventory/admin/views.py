"""Saved views, which their tenants keep."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin, caller
from inventory.models import SavedView
from inventory.services.views import saved_view_delete


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "kind", "filter", "group_by", "actor", "updated_at")
    list_filter = ("kind",)
    list_select_related = ("tenant",)
    search_fields = ("name", "=tenant__slug")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("inventory.delete_savedview")

    def delete_model(self, request: HttpRequest, obj: SavedView) -> None:
        saved_view_delete(by=caller(request, obj.tenant), view=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SavedView]) -> None:
        for view in queryset.select_related("tenant"):
            self.delete_model(request, view)

"""Saved views, which their tenants keep."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.base import Deleting, ReadOnlyAdmin
from accounts.admin.desk import caller
from inventory.models import SavedView
from inventory.services.views import saved_view_delete


@admin.register(SavedView)
class SavedViewAdmin(Deleting, ReadOnlyAdmin):
    list_display = ("name", "tenant", "kind", "filter", "group_by", "actor", "updated_at")
    list_filter = ("kind",)
    list_select_related = ("tenant",)
    search_fields = ("name", "=tenant__slug")

    def delete_model(self, request: HttpRequest, obj: SavedView) -> None:
        saved_view_delete(by=caller(request, obj.tenant), view=obj)

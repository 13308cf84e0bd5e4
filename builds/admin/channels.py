"""Channels to look at; builds are assigned to them on the builds' own page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.base import LedgerAdmin
from builds.models import Channel, ChannelAssignment


class Rows(admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    """Rows of another one's page that nobody changes there."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Assignments(Rows):
    model = ChannelAssignment
    fields = readonly_fields = ("at", "build", "cause", "actor")


@admin.register(Channel)
class ChannelAdmin(LedgerAdmin):
    list_display = (
        "name", "tenant", "project", "platform", "os_version", "image_type", "build", "is_managed",
        "assigned_at",
    )  # fmt: skip
    list_filter = ("is_managed", "tenant", "platform", "os_version", "image_type")
    list_select_related = ("tenant", "project", "platform", "os_version", "image_type", "build")
    search_fields = ("name", "build__build_id__exact")
    inlines = [Assignments]

"""Channels to look at; builds are assigned to them on the builds' own page."""

from django.contrib import admin

from accounts.admin.base import LedgerAdmin, Rows
from builds.models import Channel, ChannelAssignment


class Assignments(Rows):
    model = ChannelAssignment
    fields = readonly_fields = ("at", "build", "cause", "actor")


@admin.register(Channel)
class ChannelAdmin(LedgerAdmin):
    list_display = (
        "name", "tenant", "project", "platform", "os_version", "image_type", "build", "is_managed",
        "assigned_at",
    )  # fmt: skip
    list_filter = ("is_managed", "platform", "os_version", "image_type")
    list_select_related = ("tenant", "project", "platform", "os_version", "image_type", "build")
    search_fields = ("name", "build__build_id__exact")
    inlines = [Assignments]

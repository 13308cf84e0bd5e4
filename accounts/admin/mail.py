"""Invitations and what people chose of mails, to look at."""

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Digest, Invitation, MailRefusal


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("email", "tenant", "role", "invited_by", "expires_at", "accepted_at", "withdrawn_at")
    list_filter = ("role",)
    list_select_related = ("tenant",)
    search_fields = ("^email", "=tenant__slug")
    date_hierarchy = "created_at"


@admin.register(MailRefusal)
class MailRefusalAdmin(ReadOnlyAdmin):
    list_display = ("address", "tenant", "kind", "created_at")
    list_filter = ("kind",)
    list_select_related = ("tenant",)
    search_fields = ("^address", "=tenant__slug")


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    list_display = ("week", "tenant", "mails", "created_at")
    list_select_related = ("tenant",)
    search_fields = ("=tenant__slug",)
    date_hierarchy = "week"

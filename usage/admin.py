"""The back office of usage: events to look at, dead letters to look at and replay."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import Truncator

from accounts.admin.base import ReadOnlyAdmin
from accounts.principals import user_principal
from usage.models import DeadLetter, UsageEvent
from usage.services import dead_letters_replay

MOST: Final = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts and pages through the first MOST rows, so that a list opens at once however long the table."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:MOST].count())


class LedgerAdmin(ReadOnlyAdmin):
    """Rows that may be many millions: nothing here counts them all."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    ordering = ("-id",)  # the order of arrival, which the primary key's own index serves
    list_select_related = ("tenant",)


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


@admin.register(DeadLetter)
class DeadLetterAdmin(LedgerAdmin):
    list_display = ("id", "tenant", "event_id", "status", "why", "created_at", "replayed_at")
    list_filter = ("status", ("created_at", admin.DateFieldListFilter), "tenant")
    search_fields = ("event_id__exact", "entry_id__exact", "reason")
    search_help_text = "A whole event id or entry id, or a word of the reason."
    actions = ("replay",)

    @admin.display(description="reason")
    def why(self, letter: DeadLetter) -> str:
        return Truncator(letter.reason).chars(80)

    @admin.action(description="Replay: store the events again", permissions=["replay"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        ids = list(letters.values_list("pk", flat=True))
        done = dead_letters_replay(ids=ids, by=user_principal(request.user))  # type: ignore[arg-type]
        self.message_user(
            request, f"{done} of {len(ids)} replayed.", messages.SUCCESS if done else messages.WARNING
        )

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("usage.change_deadletter")

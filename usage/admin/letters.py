"""Dead letters to look at and replay."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator

from accounts.principals import user_principal
from usage.admin.base import LedgerAdmin
from usage.models import DeadLetter
from usage.services.letters import dead_letters_replay


@admin.register(DeadLetter)
class DeadLetterAdmin(LedgerAdmin):
    list_display = ("id", "tenant", "event_id", "status", "why", "created_at", "closed_at")
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

"""Dead letters to look at and replay."""

from typing import Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import Truncator

from accounts.admin.asking import asked, confirmed
from accounts.admin.base import LedgerAdmin
from accounts.admin.desk import caller
from usage.models import DeadLetter
from usage.services.letters import dead_letter_dismiss, dead_letters_replay

DISMISSED: Final = "Dismissed in the back office."


@admin.register(DeadLetter)
class DeadLetterAdmin(LedgerAdmin):
    list_display = (
        "id",
        "tenant",
        "event_id",
        "kind",
        "status",
        "why",
        "created_at",
        "closed_at",
        "closed_by",
    )
    list_filter = ("kind", "status", ("created_at", admin.DateFieldListFilter))
    search_fields = ("event_id__exact", "entry_id__exact", "reason")
    search_help_text = "A whole event id or entry id, or a word of the reason."
    actions = ("replay", "dismiss")

    @admin.display(description="reason")
    def why(self, letter: DeadLetter) -> str:
        return Truncator(letter.reason).chars(80)

    @admin.action(description="Replay: store the events again", permissions=["handle"])
    def replay(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        chosen = asked(self, request, letters, action="replay", title="Replay these letters")
        if not isinstance(chosen, list):
            return chosen
        done = dead_letters_replay(ids=[letter.pk for letter in chosen], by=caller(request))
        level = messages.SUCCESS if done else messages.WARNING
        self.message_user(request, f"{done} of {len(chosen)} replayed.", level)
        return None

    @admin.action(description="Dismiss: let the letters rest", permissions=["handle"])
    def dismiss(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> HttpResponse | None:
        by = caller(request)
        return confirmed(
            self, request, letters.select_related("tenant"), action="dismiss", title="Dismiss these letters",
            verb=lambda letter: dead_letter_dismiss(by=by, letter=letter, reason=DISMISSED),
        )  # fmt: skip

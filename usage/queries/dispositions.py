"""What became of an event id."""

import dataclasses
from datetime import datetime
from typing import Final

from accounts.errors import NotFound, Unavailable
from accounts.models import Tenant
from usage import queue
from usage.models import Correction, DeadLetter, DuplicateReceipt, UsageEvent

SEARCH_DEPTH: Final = 1000
MOST: Final = 100  # of each list
NEVER_TAKEN: Final = "No event of that id was accepted."
Kind = DeadLetter.Kind


@dataclasses.dataclass(frozen=True, slots=True)
class Disposition:
    """Where an event id ended.

    `status` is stored (also when it was voided later), pending, or rejected with the reason, when nothing
    was stored. `event` is the last revision. What else came under the id stands in the lists, newest first.
    """

    event_id: str
    status: str
    reason: str = ""
    event: UsageEvent | None = None
    duplicates: list[datetime] = dataclasses.field(default_factory=list)
    conflicts: list[DeadLetter] = dataclasses.field(default_factory=list)
    rejections: list[DeadLetter] = dataclasses.field(default_factory=list)
    revisions: list[UsageEvent] = dataclasses.field(default_factory=list)
    corrections: list[Correction] = dataclasses.field(default_factory=list)

    @property
    def voided_at(self) -> datetime | None:
        return self.event.ended_at if self.event else None


def event_disposition(*, tenant: Tenant, event_id: str) -> Disposition:
    """What became of an event id. NotFound when we never took it; Unavailable when the queue hides it."""
    if "\x00" in event_id:  # PostgreSQL would not even look for it
        raise NotFound(NEVER_TAKEN)
    if (stored := _stored(tenant, event_id)) is not None:
        return stored
    waiting = queue.find(tenant.pk, event_id, SEARCH_DEPTH)
    letters = _letters(tenant, event_id)
    if waiting:
        return Disposition(event_id, "pending", rejections=letters)
    # It may have moved from the queue to the ledger between the two looks.
    if (stored := _stored(tenant, event_id)) is not None:
        return stored
    if letters:
        return Disposition(event_id, "rejected", reason=letters[0].reason, rejections=letters)
    if waiting is None:
        raise Unavailable("The event is not stored yet and the queue cannot be searched now; try again.")
    raise NotFound(NEVER_TAKEN)


def event_exists(*, tenant: Tenant, event_id: str) -> bool:
    """Is it in the ledger, whether it counts or not?"""
    return "\x00" not in event_id and UsageEvent.objects.filter(tenant=tenant, event_id=event_id).exists()


def _stored(tenant: Tenant, event_id: str) -> Disposition | None:
    named = {"tenant": tenant, "event_id": event_id}
    revisions = list(UsageEvent.objects.filter(**named).order_by("-revision")[:MOST])
    if not revisions:
        return None
    letters = _letters(tenant, event_id)
    receipts = DuplicateReceipt.objects.filter(**named).order_by("-received_at")
    return Disposition(
        event_id,
        "stored",
        event=revisions[0],
        duplicates=list(receipts.values_list("received_at", flat=True)[:MOST]),
        conflicts=[letter for letter in letters if letter.kind == Kind.CONFLICT],
        rejections=[letter for letter in letters if letter.kind != Kind.CONFLICT],
        revisions=revisions,
        corrections=list(Correction.objects.filter(**named).order_by("-revision")[:MOST]),
    )


def _letters(tenant: Tenant, event_id: str) -> list[DeadLetter]:
    letters = DeadLetter.objects.for_tenant(tenant).filter(event_id=event_id)
    return list(letters.defer("payload").order_by("-id")[:MOST])

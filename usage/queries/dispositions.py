"""What became of an event id."""

import dataclasses
from typing import Final

from accounts.errors import NotFound, Unavailable
from accounts.models import Tenant
from usage import queue
from usage.models import DeadLetter, UsageEvent

SEARCH_DEPTH: Final = 1000
NEVER_TAKEN: Final = "No event of that id was accepted."


@dataclasses.dataclass(frozen=True, slots=True)
class Disposition:
    """Where an event id ended: pending, stored or rejected, with the reason."""

    event_id: str
    status: str
    reason: str = ""
    event: UsageEvent | None = None


def event_disposition(*, tenant: Tenant, event_id: str) -> Disposition:
    """What became of an event id. NotFound when we never took it; Unavailable when the queue hides it."""
    if "\x00" in event_id:  # PostgreSQL would not even look for it
        raise NotFound(NEVER_TAKEN)
    event = _stored(tenant, event_id)
    if event is not None:
        return Disposition(event_id, "stored", event=event)
    dead = DeadLetter.objects.filter(tenant=tenant, event_id=event_id).order_by("-id").first()
    if dead is not None and dead.status == DeadLetter.Status.DEAD:
        return Disposition(event_id, "rejected", reason=dead.reason)
    waiting = queue.find(tenant.pk, event_id, SEARCH_DEPTH)
    if waiting:
        return Disposition(event_id, "pending")
    # It may have moved from the queue to the ledger between the two looks.
    event = _stored(tenant, event_id)
    if event is not None:
        return Disposition(event_id, "stored", event=event)
    if waiting is None:
        raise Unavailable("The event is not stored yet and the queue cannot be searched now; try again.")
    raise NotFound(NEVER_TAKEN)


def _stored(tenant: Tenant, event_id: str) -> UsageEvent | None:
    found: UsageEvent | None = UsageEvent.objects.for_tenant(tenant).filter(event_id=event_id).first()
    return found

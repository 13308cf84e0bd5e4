"""Reads of the ledger and of the queue before it."""

import base64
import binascii
import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from accounts.errors import NotFound, Unavailable, ValidationFailed
from accounts.models import Tenant
from accounts.wire import MAX_EXPONENT
from usage import queue
from usage.models import DeadLetter, UsageEvent
from usage.queue import QueueState

SEARCH_DEPTH: Final = 1000
NEVER_TAKEN: Final = "No event of that id was accepted."
FILTERS: Final = ("service_type", "service_provider", "user_id", "event_type")


@dataclasses.dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval of `timestamp`; either end may be open."""

    start: datetime | None = None
    end: datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class UsagePage:
    events: list[UsageEvent]
    total_count: int
    has_more: bool
    next_cursor: str | None
    complete_through: datetime | None


def usage_page(
    *, tenant: Tenant, window: Window, filters: dict[str, str], limit: int, offset: int, cursor: str | None
) -> UsagePage:
    """One page of a tenant's events, newest first; `cursor` continues after the page that gave it."""
    through = complete_through()
    events = UsageEvent.objects.for_tenant(tenant).filter(**filters)
    if window.start is not None:
        events = events.filter(timestamp__gte=window.start)
    if window.end is not None:
        events = events.filter(timestamp__lt=window.end)
    total = events.count()
    if cursor is not None:
        moment, row_id = read_cursor(cursor)
        events = events.filter(Q(timestamp__lt=moment) | Q(timestamp=moment, id__lt=row_id))
        offset = 0
    rows = list(events.order_by("-timestamp", "-id")[offset : offset + limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    following = write_cursor(rows[-1]) if more else None
    return UsagePage(rows, total, more, following, through)


def write_cursor(event: UsageEvent) -> str:
    text = f"{event.timestamp.isoformat()}|{event.pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> tuple[datetime, UUID]:
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        moment, _, row_id = plain.partition("|")
        return datetime.fromisoformat(moment).astimezone(UTC), UUID(row_id)
    except (ValueError, binascii.Error, OverflowError) as error:
        raise ValidationFailed.field("cursor", "it is not a cursor that this service gave.") from error


def complete_through() -> datetime | None:
    """Every event accepted before this moment is in the ledger; None when Redis cannot be asked."""
    now = datetime.now(UTC)
    if not settings.REDIS_URL:
        return now
    state = queue.state()
    return None if state is None else now - timedelta(seconds=state.oldest_seconds)


def queue_state() -> QueueState | None:
    """How the event queue stands; None without Redis, or when it does not answer."""
    return queue.state()


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


def billed_cost(event: UsageEvent) -> str | None:
    """The total cost that the sender gave with an event, as a decimal string; None when it is no number."""
    given = event.billing_info.get("total_cost") if isinstance(event.billing_info, dict) else None
    if given is None or isinstance(given, bool):
        return None
    try:
        cost = Decimal(str(given))
    except InvalidOperation:
        return None
    return format(cost, "f") if cost.is_finite() and abs(cost.adjusted()) <= MAX_EXPONENT else None

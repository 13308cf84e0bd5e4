"""Pages of events."""

import base64
import binascii
import dataclasses
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from usage.exact import cost_of
from usage.models import UsageEvent
from usage.models.events import EventQuerySet
from usage.queries.cover import ALWAYS
from usage.queries.sums import sums, where_equal
from usage.queries.watermark import Watermark, watermark

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
    watermark: Watermark


def matching_events(*, tenant: Tenant, window: Window, filters: dict[str, str]) -> EventQuerySet:
    """A tenant's events that count now, in no order."""
    events = UsageEvent.objects.for_tenant(tenant).live().filter(**filters)
    if window.start is not None:
        events = events.filter(timestamp__gte=window.start)
    if window.end is not None:
        events = events.filter(timestamp__lt=window.end)
    return events


def usage_page(
    *, tenant: Tenant, window: Window, filters: dict[str, str], limit: int, offset: int, cursor: str | None
) -> UsagePage:
    """One page of a tenant's events, newest first; `cursor` continues after the page that gave it."""
    mark = watermark()
    events = matching_events(tenant=tenant, window=window, filters=filters)
    total = _count(tenant, window, filters)
    rows, following = page_of(events, limit=limit, offset=offset, cursor=cursor)
    return UsagePage(rows, total, following is not None, following, mark)


def page_of(
    events: Any, *, limit: int, cursor: str | None, offset: int = 0
) -> tuple[list[UsageEvent], str | None]:
    """The next events of a queryset, newest first, and the cursor of the page after them."""
    if cursor is not None:
        moment, row_id = read_cursor(cursor)
        # The first condition says nothing new, but lets the index begin there instead of at the newest event.
        events = events.filter(timestamp__lte=moment)
        events = events.filter(Q(timestamp__lt=moment) | Q(timestamp=moment, id__lt=row_id))
        offset = 0
    rows = list(events.order_by("-timestamp", "-id")[offset : offset + limit + 1])
    return rows[:limit], write_cursor(rows[limit - 1]) if len(rows) > limit else None


def _count(tenant: Tenant, window: Window, filters: dict[str, str]) -> int:
    """How many there are, from the rollups: millions of events take too long to be counted for each page."""
    edges = [window.start or ALWAYS[0], window.end or ALWAYS[1]]
    return sum(row.tally.count for row in sums(tenant=tenant, edges=edges, where=where_equal(filters)))


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


def billed_cost(event: UsageEvent) -> str | None:
    """The total cost that the sender gave with an event, as a decimal string; None when it is no number."""
    given = event.billing_info.get("total_cost") if isinstance(event.billing_info, dict) else None
    cost = cost_of(given)
    return None if cost is None else format(cost, "f")

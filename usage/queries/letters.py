"""Pages of dead letters."""

import dataclasses
from datetime import datetime
from typing import Any

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from accounts.wire import decode
from usage.models import DeadLetter

MAX_ID = 2**63 - 1


@dataclasses.dataclass(frozen=True, slots=True)
class LetterPage:
    letters: list[DeadLetter]
    next_cursor: str | None


def letters_page(
    *,
    tenant: Tenant,
    filters: dict[str, str],
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int,
    cursor: str | None = None,
) -> LetterPage:
    """A tenant's letters, newest first; `filters` are exact values of kind, status and event_id."""
    letters = DeadLetter.objects.for_tenant(tenant).filter(**filters)
    if start is not None:
        letters = letters.filter(created_at__gte=start)
    if end is not None:
        letters = letters.filter(created_at__lt=end)
    if cursor:
        letters = letters.filter(id__lt=_read_cursor(cursor))
    rows = list(letters.order_by("-id")[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    return LetterPage(rows, str(rows[-1].pk) if more else None)


def event_in(letter: DeadLetter) -> dict[str, Any] | None:
    """The event that a letter holds; None when it holds several, or none that can be read."""
    try:
        held = decode(letter.payload.encode())
    except ValidationFailed:
        return None
    if isinstance(held, list) and len(held) == 1:
        held = held[0]
    return held if isinstance(held, dict) else None


def _read_cursor(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > MAX_ID:
        raise ValidationFailed.field("cursor", "it is not a cursor that this service gave.")
    return int(text)

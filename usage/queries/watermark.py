"""How complete the ledger is."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from usage import queue


class Watermark(NamedTuple):
    """Every event accepted before `complete_through` is in the ledger; `pending` entries wait before it.

    Both are None when Redis cannot be asked.
    """

    complete_through: datetime | None
    pending: int | None


def watermark() -> Watermark:
    """Where the ledger stands; ask before reading events, so that the answer is never too good."""
    now = datetime.now(UTC)
    if not settings.REDIS_URL:
        return Watermark(now, 0)
    state = queue.state()
    if state is None:
        return Watermark(None, None)
    return Watermark(now - timedelta(seconds=state.oldest_seconds), state.depth)


def complete_through() -> datetime | None:
    return watermark().complete_through

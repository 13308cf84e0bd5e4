"""How complete the ledger is."""

from datetime import UTC, datetime, timedelta

from django.conf import settings

from usage import queue


def complete_through() -> datetime | None:
    """Every event accepted before this moment is in the ledger; None when Redis cannot be asked."""
    now = datetime.now(UTC)
    if not settings.REDIS_URL:
        return now
    state = queue.state()
    return None if state is None else now - timedelta(seconds=state.oldest_seconds)

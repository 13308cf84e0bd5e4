"""The month's quota on the way in: a memory per process, so that events cost no question each.

Every SECONDS the ledger is asked anew. In between, this process adds what it accepts itself; so a hard
quota is overrun by what the other processes accept in that time, and by what still waits in the queue.
"""

import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.utils import timezone

from accounts.errors import RateLimited
from accounts.models import Tenant
from usage.models import Quota
from usage.queries.quotas import month_of, used_between

SECONDS: Final = 10.0
MAX_KNOWN: Final = 10_000
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Known:
    """What is left of a tenant's hard quota; None without one."""

    left: int | None
    limit: int
    until: float
    resets_at: datetime


class Gate:
    """One per process."""

    def __init__(self) -> None:
        self._known: dict[UUID, Known] = {}
        self._lock = threading.Lock()

    def take(self, tenant: Tenant, count: int) -> None:
        """Count events against the hard quota of a tenant, or RateLimited; then none of them is counted."""
        self.count(self.known(tenant) or self._refreshed(tenant), count)

    def known(self, tenant: Tenant) -> Known | None:
        """What needs no question now."""
        known = self._known.get(tenant.pk)
        return None if known is None or time.monotonic() > known.until else known

    def count(self, known: Known, count: int) -> None:
        """As `take`, against what is known."""
        if known.left is None:
            return
        with self._lock:
            if count > known.left:
                raise _exceeded(known)
            known.left -= count

    def forget(self) -> None:
        self._known = {}

    def _refreshed(self, tenant: Tenant) -> Known:
        known = self._known.get(tenant.pk)
        if known is not None:
            known.until = time.monotonic() + SECONDS  # one asks; the others go on with what was known
        return self._ask(tenant, known)

    def _ask(self, tenant: Tenant, old: Known | None) -> Known:
        """While the database is away what was known last holds, and who is not known may send."""
        start, end = month_of(timezone.now())
        known = Known(None, 0, time.monotonic() + SECONDS, end)
        try:
            quota = Quota.objects.for_tenant(tenant).filter(hard=True).first()
            if quota is not None:
                known.limit = quota.monthly_events
                known.left = max(0, known.limit - used_between(tenant, start, end))
        except DatabaseError as error:
            log.warning("quota_not_read", tenant=tenant.slug, error=str(error))
            if old is not None:
                known.left, known.limit = old.left, old.limit
        with self._lock:
            if len(self._known) >= MAX_KNOWN:
                self._known = {}
            self._known[tenant.pk] = known
        return known


def _exceeded(known: Known) -> RateLimited:
    wait = max(1, int((known.resets_at - timezone.now()).total_seconds()))
    return RateLimited(
        f"The monthly quota of {known.limit} events leaves {known.left}; it starts anew at"
        f" {known.resets_at.isoformat()}.",
        headers={"Retry-After": str(wait)},
        extra={
            "retry_after": wait,
            "limit": known.limit,
            "remaining": known.left,
            "reset_time": int(known.resets_at.timestamp()),
        },
    )


gate = Gate()

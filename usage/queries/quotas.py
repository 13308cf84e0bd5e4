"""How much of its month's events a tenant has used."""

from datetime import UTC, datetime
from typing import NamedTuple

from django.utils import timezone

from accounts.models import Tenant
from usage.models import Quota
from usage.queries.sums import sums


class QuotaState(NamedTuple):
    """`monthly_events` and `remaining` are None without a quota."""

    monthly_events: int | None
    hard: bool
    used: int
    resets_at: datetime

    @property
    def remaining(self) -> int | None:
        return None if self.monthly_events is None else max(0, self.monthly_events - self.used)


def month_of(moment: datetime) -> tuple[datetime, datetime]:
    """The calendar month (UTC) around a moment, half-open."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def quota_state(tenant: Tenant) -> QuotaState:
    quota = Quota.objects.for_tenant(tenant).first()
    start, end = month_of(timezone.now())
    used = used_between(tenant, start, end)
    return QuotaState(quota and quota.monthly_events, bool(quota and quota.hard), used, end)


def used_between(tenant: Tenant, start: datetime, end: datetime) -> int:
    return sum(found.tally.count for found in sums(tenant=tenant, edges=[start, end]))

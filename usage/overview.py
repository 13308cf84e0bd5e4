"""What the console's home page shows of a tenant's usage, and the back office of everybody's."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from accounts.digest import midnight
from accounts.models import Tenant
from usage.models import Rollup, UsageEvent
from usage.queries.sums import sums

DAYS: Final = 30
SERIES: Final = 5  # more services than this, and the last series stands for the rest
OTHER: Final = "other"

HOURS: Final = 24

Counts = dict[tuple[date, str], int]


@dataclass(frozen=True, slots=True)
class Overview:
    """`days` has one entry per calendar day of the viewer's zone, oldest first, counts as in `services`."""

    last_event_at: datetime | None
    last_day: int
    services: list[tuple[str, int]]
    days: list[tuple[date, list[int]]]

    @property
    def total(self) -> int:
        return sum(count for _, count in self.services)


def overview(tenant: Tenant) -> Overview:
    """The last 30 days in the current time zone, and the last 24 hours."""
    now = timezone.now()
    today = timezone.localdate(now)
    calendar = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    mine = UsageEvent.objects.for_tenant(tenant).live()
    counts = _counts(tenant, calendar)
    services = _services(counts)
    return Overview(
        last_event_at=mine.values_list("timestamp", flat=True).first(),
        last_day=mine.filter(timestamp__gt=now - timedelta(days=1), timestamp__lte=now).count(),
        services=services,
        days=[(day, _of_day(counts, day, [name for name, _ in services])) for day in calendar],
    )


def _counts(tenant: Tenant, calendar: list[date]) -> Counts:
    """Events per day and service."""
    days = {midnight(day): day for day in calendar}
    edges = [*days, midnight(calendar[-1] + timedelta(days=1))]
    found = sums(tenant=tenant, edges=edges, group_by=["service_type"])
    return {(days[row.start], row.group[0]): row.tally.count for row in found}


def _services(counts: Counts) -> list[tuple[str, int]]:
    totals: Counter[str] = Counter()
    for (_, service), events in counts.items():
        totals[service] += events
    ranked = totals.most_common()
    if len(ranked) <= SERIES:
        return ranked
    return [*ranked[: SERIES - 1], (OTHER, sum(events for _, events in ranked[SERIES - 1 :]))]


def _of_day(counts: Counts, day: date, services: list[str]) -> list[int]:
    """The day's count of each service; the last may stand for all that are not named."""
    row = Counter({service: events for (on, service), events in counts.items() if on == day})
    values = [row.pop(service, 0) for service in services]
    if row:  # services that have no series of their own
        values[-1] += row.total()
    return values


def hourly_events(now: datetime) -> list[tuple[datetime, int]]:
    """All tenants' events by UTC hour, oldest first, as far as summed up: this hour and 23 before."""
    last = now.replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    sums = Rollup.objects.filter(
        tenant__in=Tenant.objects.values("pk"),  # so that each one's index is used
        level=Rollup.Level.HOUR_TOTAL, start__gte=hours[0], start__lte=last,
    )  # fmt: skip
    found = dict(sums.order_by().values_list("start").annotate(events=Sum("count")))
    return [(hour, found.get(hour, 0)) for hour in hours]

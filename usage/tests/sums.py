"""Events for the tests of sums, their marks, and what they sum up to by brute force."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from accounts.models import Tenant
from usage import recount_fold
from usage.dimensions import DIMENSIONS
from usage.models import DirtyHour, Rollup, UsageEvent
from usage.rollups import Recomputed, recompute_all
from usage.tally import Tally

DAY: Final = datetime(2026, 3, 10, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
USER: Final = DIMENSIONS.index("user_id")
Sums = dict[tuple[Any, ...], tuple[Any, ...]]


def make(tenant: Tenant, moment: datetime, **fields: Any) -> UsageEvent:
    """One stored event and the mark of its hour."""
    fixed = {"user_id": "anna", "service_type": "compute", "service_provider": "aws", "event_type": "hours"}
    event = UsageEvent.objects.create(
        tenant=tenant, **{**fixed, "event_id": str(uuid4()), "timestamp": moment, **fields}
    )
    mark(tenant, moment)
    return event


def mark(tenant: Tenant, moment: datetime) -> None:
    DirtyHour.objects.create(tenant=tenant, hour=moment.replace(minute=0, second=0, microsecond=0))


def by_hand(events: Iterable[UsageEvent], *names: str) -> dict[tuple[Any, ...], Tally]:
    """Of events with costs and currencies that are plain, by these attributes."""
    found: defaultdict[tuple[Any, ...], Tally] = defaultdict(Tally)
    for event in events:
        billing = event.billing_info
        key = tuple(getattr(event, name) for name in names)
        found[key].add_event(billing.get("currency", "USD"), billing.get("total_cost"), event.metrics)
    return dict(found)


def kept(tenant: Tenant, level: str) -> Sums:
    rows = Rollup.objects.for_tenant(tenant).filter(level=level)
    found = rows.values_list("start", *DIMENSIONS, "count", "costs", "metrics")
    return {tuple(key): (count, costs, metrics) for *key, count, costs, metrics in found}


def from_events(tenant: Tenant, level: str) -> Sums:
    unit = HOUR if level.startswith("hour") else 24 * HOUR
    hours = {m.replace(minute=0, second=0, microsecond=0) for m in times(tenant)}
    found: dict[Any, Any] = {}
    for (hour, *rest), tally in recount_fold.hours_of_events(tenant.pk, sorted(hours)).items():
        start = hour - (hour - DAY) % unit
        if level.endswith("total"):
            rest[USER] = ""
        known = found.setdefault((start, *rest), type(tally)())
        known.add(tally.count, tally.costs, tally.metrics)
    return {key: (t.count, t.costs, {n: list(m) for n, m in t.metrics.items()}) for key, t in found.items()}


def times(tenant: Tenant) -> Any:
    return UsageEvent.objects.for_tenant(tenant).live().values_list("timestamp", flat=True)


def assert_exact(tenant: Tenant) -> None:
    assert not DirtyHour.objects.for_tenant(tenant).exists()
    for level in Rollup.Level.values:
        assert kept(tenant, level) == from_events(tenant, level), level


def work() -> list[Recomputed]:
    return list(recompute_all())

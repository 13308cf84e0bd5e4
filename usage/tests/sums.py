"""Events for the tests of sums, their marks, and what they sum up to by brute force."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from accounts.models import Tenant
from usage.models import DirtyHour, UsageEvent
from usage.tally import Tally

DAY: Final = datetime(2026, 3, 10, tzinfo=UTC)


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

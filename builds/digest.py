"""What the weekly digest says of image builds."""

from collections import Counter
from typing import Final

from accounts.digest import MOST, Section, Week, bars, change
from accounts.models import Tenant
from builds.models import Build
from builds.rules import OPEN, Status

ENDED: Final = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)


def builds_sections(tenant: Tenant, week: Week) -> list[Section]:
    """How those of the week ended, and what the failed ones failed of."""
    mine = Build.objects.for_tenant(tenant)
    ended = mine.filter(ended_at__gte=week.edges[0], ended_at__lt=week.edges[-1])
    statuses = Counter(ended.order_by().values_list("status", flat=True))
    running = mine.filter(status__in=OPEN).count()
    if not statuses and not running:
        return []
    before = week.before()
    earlier = mine.filter(ended_at__gte=before.edges[0], ended_at__lt=before.edges[-1]).count()
    reasons = Counter(ended.filter(status=Status.FAILED).order_by().values_list("reason", flat=True))
    return [
        Section(
            "Builds",
            f"{statuses.total():,} ended, {change(statuses.total(), earlier)}; {running:,} are open now.",
            bars=bars([(status.value, statuses[status]) for status in ENDED], lambda count: f"{count:,}"),
            lines=[
                f"failed: {reason or 'no reason told'} ({count:,})"
                for reason, count in reasons.most_common(MOST)
            ],
        )
    ]

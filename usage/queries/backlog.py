"""What the aggregation has yet to do."""

import time
from datetime import UTC, datetime

from django.db.models.functions import TruncDay

from usage.models import DirtyHour
from usage.queries.cover import HOUR


def dirty_hours_count() -> int:
    """Hours of all tenants whose sums do not hold."""
    return DirtyHour.objects.order_by().values("tenant_id", "hour").distinct().count()


def dirty_days_count() -> int:
    """UTC days of tenants that have such hours."""
    days = DirtyHour.objects.order_by().values("tenant_id", day=TruncDay("hour", tzinfo=UTC))
    return days.distinct().count()


def oldest_mark_seconds() -> float:
    """How long the oldest mark of an hour that is over has waited since then; its id tells when it was made.

    0 when there is none.
    """
    now = time.time()
    over = DirtyHour.objects.filter(hour__lte=datetime.fromtimestamp(now, UTC) - HOUR)
    oldest = over.order_by("pk").values_list("pk", "hour").first()
    if oldest is None:
        return 0.0
    mark, hour = oldest
    since: float = max((mark.int >> 80) / 1000, (hour + HOUR).timestamp())
    return max(0.0, now - since)

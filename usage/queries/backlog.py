"""What the aggregation has yet to do."""

import time
from datetime import UTC

from django.db.models.functions import TruncDay

from usage.models import DirtyHour


def dirty_hours_count() -> int:
    """Hours of all tenants whose sums do not hold."""
    return DirtyHour.objects.order_by().values("tenant_id", "hour").distinct().count()


def dirty_days_count() -> int:
    """UTC days of tenants that have such hours."""
    days = DirtyHour.objects.order_by().values("tenant_id", day=TruncDay("hour", tzinfo=UTC))
    return days.distinct().count()


def oldest_mark_seconds() -> float:
    """How long the oldest mark has waited; its id tells when it was made. 0 when there is none."""
    oldest = DirtyHour.objects.order_by("pk").values_list("pk", flat=True).first()
    return 0.0 if oldest is None else max(0.0, time.time() - (oldest.int >> 80) / 1000)

"""Which of many builds have been longer in their state than it may take."""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from builds.models import Build, StateCode
from builds.rules import OPEN


def overdue(rows: QuerySet[Build], now: datetime) -> QuerySet[Build]:
    """The open ones over twice the minutes that their state is expected to take at most."""
    expected = StateCode.objects.order_by().values_list("expected_max_minutes", flat=True).distinct()
    late = Q(pk__in=[])
    for minutes in expected:
        since = now - timedelta(minutes=2 * minutes)
        late |= Q(template__codes__expected_max_minutes=minutes, entered_at__lt=since)
    return rows.filter(late, status__in=OPEN, template__codes__code=F("state_code"))

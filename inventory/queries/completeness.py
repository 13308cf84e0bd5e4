"""Which days are not told to the end yet.

A day (UTC) is incomplete while it is not over, when all that is known of one of its bills was told before it
was over, and when a bill that is told nearly every day has not come to it yet.
"""

from collections import defaultdict
from datetime import UTC, date, timedelta
from typing import Final, NamedTuple

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts.models import Tenant
from inventory.models import CostDay, CostLine
from inventory.queries.spans import Span, told_days

CLOSED_DAYS: Final = 35  # a bill that is silent for longer is closed, not late
USUAL_DAYS: Final = 28
DAILY: Final = 14  # days of USUAL_DAYS on which a daily bill is told at least


class Completeness(NamedTuple):
    """`incomplete` are days of the span, in order; `through` is the last complete day that was told."""

    incomplete: list[date]
    through: date | None


def completeness(tenant: Tenant, span: Span) -> Completeness:
    """How far the tenant's costs are told to the end."""
    today = timezone.now().date()
    days = told_days(tenant)
    early = set(_early(days).values_list("day", flat=True))
    behind = _first_behind(days, today)
    started = days.filter(day__gte=today).order_by("day").values_list("day", flat=True).distinct()
    late = (behind + timedelta(days=n) for n in range(1, (today - behind).days + 1)) if behind else ()
    incomplete = {day for day in (*early, *started, *late) if span.holds(day)}
    over = days.filter(day__lt=today, **({"day__lte": behind} if behind else {})).exclude(day__in=early)
    through = over.order_by("-day").values_list("day", flat=True).first()
    return Completeness(sorted(incomplete), through)


def _early(days: QuerySet[CostDay]) -> QuerySet[CostDay]:
    """Days of bills that nobody told of after they were over, wherever it is that somebody asks."""
    told_on = TruncDate("source_import__created_at", tzinfo=UTC)
    lines = CostLine.objects.alias(told_on=told_on).filter(tenant=OuterRef("tenant"), cost_day=OuterRef("pk"))
    later = lines.filter(told_on__gt=OuterRef("day"))
    return days.alias(told_on=told_on).filter(told_on__lte=F("day")).exclude(Exists(later))


def _first_behind(days: QuerySet[CostDay], today: date) -> date | None:
    """The last day of the daily bill that is furthest behind; None when there is no daily bill."""
    since = today - timedelta(days=CLOSED_DAYS + USUAL_DAYS)
    bills: defaultdict[tuple[str, ...], set[date]] = defaultdict(set)
    recent = days.filter(day__gte=since, day__lt=today)
    for *bill, day in recent.values_list("source", "provider", "billing_account_id", "day"):
        bills[tuple(bill)].add(day)
    return min((max(told) for told in bills.values() if _is_daily(told, today)), default=None)


def _is_daily(told: set[date], today: date) -> bool:
    last = max(told)
    usual = [day for day in told if day > last - timedelta(days=USUAL_DAYS)]
    return last >= today - timedelta(days=CLOSED_DAYS) and len(usual) >= DAILY

"""Periods as people write them, as half-open spans of days."""

import re
from datetime import date, timedelta
from typing import Final, NamedTuple

from django.db.models import Exists, Max, Min, OuterRef, QuerySet
from django.utils import timezone

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from inventory.models import CostDay, CostLine

DAY: Final = timedelta(days=1)
LATEST: Final = {"daily": "day", "monthly": "month", "yearly": "year"}
_SPAN: Final = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)


class Span(NamedTuple):
    """Days in [start, end); both None: all of them."""

    start: date | None
    end: date | None

    @property
    def ends(self) -> tuple[date, date]:
        """Both ends of a span that has them."""
        if self.start is None or self.end is None:
            raise ValueError("The span is open.")
        return self.start, self.end

    def holds(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)


def told_days(tenant: Tenant) -> QuerySet[CostDay]:
    """The days that count and have lines."""
    days: QuerySet[CostDay] = CostDay.objects.for_tenant(tenant).filter(is_live=True)
    return days.filter(Exists(CostLine.objects.filter(tenant=OuterRef("tenant"), cost_day=OuterRef("pk"))))


def told_span(tenant: Tenant) -> Span | None:
    """From the first to the last day of which there are costs; None when there are none."""
    ends = told_days(tenant).aggregate(first=Min("day"), last=Max("day"))
    return None if ends["first"] is None else Span(ends["first"], ends["last"] + DAY)


def spans_near(told: Span) -> dict[str, Span]:
    """Spans that people ask for, by what they are called, seen from the last day of which there are costs."""
    last = told.ends[1]
    month = span_around(last - DAY, "month")
    start, end = month.ends
    before = months_after(start, -1)
    return {
        f"{start:%B %Y}": month,
        f"{before:%B %Y}": Span(before, start),
        "30 days": Span(last - 30 * DAY, last),
        "90 days": Span(last - 90 * DAY, last),
        "12 months": Span(months_after(start, -11), end),
        "All": told,
    }


def span_of(tenant: Tenant, period: str) -> Span:
    """The days of a period, as `cost_summary` takes it; ValidationFailed when it is none."""
    if period == "all":
        return Span(None, None)
    if period in LATEST:
        latest = told_days(tenant).order_by("-day").values_list("day", flat=True).first()
        return span_around(latest or timezone.now().date(), LATEST[period])
    match = _SPAN.fullmatch(period)
    try:
        if match is None:
            raise ValueError
        year, month, day = (int(part) if part else None for part in match.groups())
        unit = "day" if day else "month" if month else "year"
        return span_around(date(year or 0, month or 1, day or 1), unit)
    except (ValueError, OverflowError) as error:
        known = ", ".join(["all", *LATEST])
        raise ValidationFailed.field("period", f"give {known}, 2026, 2026-03 or 2026-03-10.") from error


def span_around(day: date, unit: str) -> Span:
    """The day, month, quarter or year that holds a day."""
    if unit == "day":
        return Span(day, day + timedelta(days=1))
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    start = day.replace(month=day.month - (day.month - 1) % months, day=1)
    return Span(start, months_after(start, months))


def months_after(day: date, months: int) -> date:
    """The first of the month that is so many months later, or earlier."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)

"""What an import would change, and what has changed since somebody looked."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Least

from accounts.exact import EXACT
from accounts.sql import ExactSum
from inventory.models import CostDay, CostLine, Import
from inventory.rows import LINE_FIELDS, NATURAL_KEY

PER_QUERY: Final = 100  # days
DayName = tuple[Any, ...]
DAY_KEY: Final = ("provider", "billing_account_id", "period_start", "day")
OF_DAY: Final = tuple(f"cost_day__{name}" for name in DAY_KEY)
CONTENT: Final = (*OF_DAY, "charge_id", *LINE_FIELDS)
IDENTITY: Final = (
    *OF_DAY, *(name if name in LINE_FIELDS else f"charge__{name}" for name in NATURAL_KEY),
)  # fmt: skip


class Difference(NamedTuple):
    """Lines: `changed` has the key of an earlier one and other numbers; `removed` would be gone."""

    new: int
    changed: int
    unchanged: int
    removed: int


def live_days(run: Import, days: Sequence[CostDay]) -> dict[DayName, CostDay]:
    """By their names, the days that count now and that these would take the place of."""
    live = CostDay.objects.for_tenant(run.tenant).filter(source=run.source, is_live=True)
    names = {day_name(day) for day in days}
    found = live.filter(day__in={day.day for day in days})
    return {day_name(day): day for day in found if day_name(day) in names}


def day_name(day: CostDay) -> DayName:
    return tuple(getattr(day, name) for name in DAY_KEY)


def cost_difference(run: Import) -> Difference:
    """What the days of an import say otherwise than those that count.

    Rows of bills have no id: of equal lines, as many are unchanged as both sides have.
    """
    total = Difference(0, 0, 0, 0)
    for days in _chunks(run):
        before = live_days(run, days)
        new, old = [day.pk for day in days], [day.pk for day in before.values()]
        staged, there = _lines(new).count(), _lines(old).count()
        same = _common(new, old, CONTENT) if there else 0
        alike = _common(new, old, IDENTITY) if there else 0
        part = Difference(staged - alike, alike - same, same, there - alike)
        total = Difference(*(a + b for a, b in zip(total, part, strict=True)))
    return total


def _chunks(run: Import) -> Iterator[list[CostDay]]:
    days = list(CostDay.objects.for_tenant(run.tenant).filter(source_import=run).order_by("day", "pk"))
    for place in range(0, len(days), PER_QUERY):
        yield days[place : place + PER_QUERY]


def _lines(days: Sequence[UUID]) -> QuerySet[CostLine]:
    return CostLine.objects.filter(cost_day__in=days).order_by()


def _common(new: Sequence[UUID], old: Sequence[UUID], columns: Sequence[str]) -> int:
    """How many lines of both sides are alike in these columns, one by one."""
    alike = _lines([*new, *old]).values(*columns).annotate(
        here=Count("pk", filter=Q(cost_day__in=new)), there=Count("pk", filter=Q(cost_day__in=old))
    )  # fmt: skip
    found = alike.filter(here__gt=0, there__gt=0).aggregate(both=Sum(Least("here", "there")))
    return int(found["both"] or 0)


def changed_since(run: Import) -> bool:
    """Whether rows of this import's kind and source came or went after it was checked."""
    others = Import.objects.for_tenant(run.tenant).filter(kind=run.kind).exclude(pk=run.pk)
    if run.kind == Import.Kind.COSTS:
        others = others.filter(source=run.source)
    later = Q(applied_at__gte=run.checked_at) | Q(undone_at__gte=run.checked_at)
    return others.filter(later).exists()


def same_file(run: Import) -> Import | None:
    """An earlier import of the same content that is still in force or on its way."""
    others = Import.objects.for_tenant(run.tenant).filter(
        kind=run.kind, sha256=run.sha256, source=run.source, origin=Import.Origin.FILE
    )
    other: Import
    for other in others.exclude(pk=run.pk).exclude(state=Import.State.UNDONE):
        if other.state != Import.State.APPLIED or not _replaced(other):
            return other
    return None


def _replaced(run: Import) -> bool:
    """Whether another import said something about the same things after this one."""
    others = Import.objects.for_tenant(run.tenant).filter(kind=run.kind).exclude(pk=run.pk)
    later = others.filter(Q(applied_at__gt=run.applied_at) | Q(undone_at__gt=run.applied_at))
    if run.kind == Import.Kind.RESOURCES:
        return later.exists()
    days = CostDay.objects.for_tenant(run.tenant).filter(source_import=run)
    if days.filter(is_live=False).exists():
        return True
    if not later.filter(source=run.source).exists():
        return False
    return CostLine.objects.filter(cost_day__in=days).exclude(source_import=run).exists()


class DayChange(NamedTuple):
    """One day of one bill in a file, and what counts there now. Costs are billed, by currency."""

    provider: str
    billing_account_id: str
    period_start: datetime
    day: date
    lines: int
    costs: dict[str, Decimal]
    lines_now: int
    costs_now: dict[str, Decimal]


def day_changes(run: Import, days: Sequence[CostDay]) -> list[DayChange]:
    """For some of the days of an import, in their order."""
    now = live_days(run, days)
    sums = _sums([*days, *now.values()])
    nothing: _Sum = (0, {})
    found = []
    for day in days:
        lines, costs = sums.get(day.pk, nothing)
        there = now.get(day_name(day))
        lines_now, costs_now = sums.get(there.pk, nothing) if there else nothing
        name = (day.provider, day.billing_account_id, day.period_start, day.day)
        found.append(DayChange(*name, lines, costs, lines_now, costs_now))
    return found


class TotalChange(NamedTuple):
    """What was billed on the days that a file holds, now and with it; None: nothing in this currency."""

    currency: str
    before: Decimal | None
    after: Decimal | None


def total_changes(run: Import) -> list[TotalChange]:
    """For each currency, over all days of an import of costs."""
    before: defaultdict[str, Decimal] = defaultdict(Decimal)
    after: defaultdict[str, Decimal] = defaultdict(Decimal)
    for days in _chunks(run):
        for sums, found in ((after, _sums(days)), (before, _sums(live_days(run, days).values()))):
            for _, costs in found.values():
                for currency, cost in costs.items():
                    sums[currency] = EXACT.add(sums[currency], cost)
    names = sorted({*before, *after})
    return [TotalChange(name, before.get(name), after.get(name)) for name in names]


_Sum = tuple[int, dict[str, Decimal]]


def _sums(days: Iterable[CostDay]) -> dict[UUID, _Sum]:
    """The number of lines and the costs of each day."""
    rows = _lines([day.pk for day in days]).values("cost_day_id", "currency")
    found: dict[UUID, _Sum] = {}
    for row in rows.annotate(lines=Count("pk"), cost=ExactSum("billed_cost")):
        lines, costs = found.get(row["cost_day_id"], (0, {}))
        found[row["cost_day_id"]] = lines + row["lines"], {**costs, row["currency"]: row["cost"]}
    return found

"""A meter's figures by the words of its definition, over the events as they are."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from accounts.exact import number_of, quotient, text_of
from usage.exact import nearest_rank
from usage.filters import filter_predicate, read_filter, value_in
from usage.models import Meter, UsageEvent
from usage.queries.meters import Question

Group = tuple[str | None, ...]
Steps = list[tuple[datetime, Any]]
Figures = dict[tuple[datetime, Group], Decimal]


def figures(asked: Meter, question: Question, events: Iterable[UsageEvent]) -> Figures:
    """By the begin of the window and the group."""
    edges = question.edges()
    made = {}
    for group, steps in grouped(asked, question, events).items():
        for start, end in pairwise(edges):
            if asked.aggregation == "time_weighted":
                found = weighted(steps, start, end)
            else:
                found = folded(asked, [value for at, value in steps if start <= at < end])
            if found is not None:
                made[start, group] = found
    return made


def grouped(asked: Meter, question: Question, events: Iterable[UsageEvent]) -> dict[Group, Steps]:
    """Moments and values in order of the events that count."""
    keep = [filter_predicate(part) for part in (read_filter(asked.filter), question.filter)]
    groups = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.timestamp, event.id)):
        row = vars(event)
        value = value_of(asked, row)
        if value is not None and event.ended_at is None and all(holds(row) for holds in keep):
            group = tuple(text_of(value_in(row, path)) for path in question.group_by)
            groups[group].append((event.timestamp, value))
    return groups


def value_of(asked: Meter, row: dict[str, Any]) -> Any:
    if asked.value == "1":
        return 1
    value = value_in(row, asked.value.split("."))
    is_text = asked.aggregation in {"count", "unique"} and not asked.value.startswith("metrics.")
    return text_of(value) if is_text else number_of(value)


def folded(asked: Meter, values: list[Any]) -> Decimal | None:
    if not values:
        return None
    if asked.aggregation == "percentile":
        assert asked.percentile is not None
        return nearest_rank(values, asked.percentile / 100)
    made: dict[str, Any] = {
        "count": len,
        "sum": sum,
        "avg": lambda v: quotient(sum(v, Decimal(0)), Decimal(len(v))),
        "min": min,
        "max": max,
        "unique": lambda v: len(set(v)),
        "latest": lambda v: v[-1],
    }
    return Decimal(made[asked.aggregation](values))


def weighted(steps: Steps, start: datetime, end: datetime) -> Decimal | None:
    """The integral piece by piece between all moments at which something changes."""
    moments = sorted({start, end, *(at for at, _ in steps if start < at < end)})
    before = [at for at, _ in steps]
    if not steps or steps[0][0] >= end:
        return None
    area = Decimal(0)
    for a, b in pairwise(moments):
        place = bisect_right(before, a)
        if place:
            area += steps[place - 1][1] * ((b - a) // timedelta(microseconds=1))
    return quotient(area, Decimal((end - start) // timedelta(microseconds=1)))

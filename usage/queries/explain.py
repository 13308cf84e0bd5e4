"""From a figure to the events that made it."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from django.db.models import Count

from accounts.models import Tenant
from accounts.snapshot import snapshot
from accounts.sql import ExactMax, ExactMin, ExactSum
from usage.dimensions import live_events
from usage.models import UsageEvent
from usage.queries.cover import Segment, Source, cover
from usage.queries.events import page_of
from usage.queries.quantities import changed_since
from usage.queries.recount import MOST_RECOUNTED, TOO_MANY, tally_of
from usage.queries.stretches import Stretch, billed_stretches, stretch_at, within_q
from usage.queries.sums import sums, where_equal
from usage.queries.watermark import Watermark, watermark
from usage.sql import MetricNumber
from usage.tally import Tally


@dataclass(frozen=True, slots=True)
class Figure:
    """Which figure: of the events of [start, end) that share the values of `group` (DIMENSIONS to a value).

    `metric` is summed up too. `as_of` takes the events that counted then. `rule_id` takes those that a price
    rule of the month bills, or (blank) none does: as a line of a statement does, which has a service type, a
    provider and a model.
    """

    tenant: Tenant
    start: datetime
    end: datetime
    group: dict[str, str]
    metric: str | None = None
    as_of: datetime | None = None
    rule_id: str | None = None

    @property
    def metrics(self) -> list[str]:
        return [self.metric] if self.metric else []


class Part(NamedTuple):
    """A stretch of the window and what the figure took for it: sums by day, by hour, or events (raw)."""

    source: str
    start: datetime
    end: datetime
    figure: Tally


@dataclass(frozen=True, slots=True)
class Explanation:
    """`figure` is the sum of the parts; `listed` that of the events themselves, None: they are too many.

    Each event has its number of the metric as `it`.
    """

    figure: Tally
    parts: list[Part]
    listed: Tally | None
    events: list[UsageEvent]
    next_cursor: str | None
    watermark: Watermark

    @property
    def agrees(self) -> bool | None:
        return None if self.listed is None else self.figure == self.listed

    @property
    def not_recounted(self) -> str:
        return TOO_MANY if self.listed is None else ""


def figure_explain(*, asked: Figure, limit: int, cursor: str | None = None) -> Explanation:
    """How a figure came about, and the events that made it, newest first. All is read at one moment."""
    mark = watermark()
    with snapshot():
        stretches = _stretches(asked)
        events = _events(asked, stretches)
        edges = [asked.start, asked.end]
        changed = asked.as_of is not None and changed_since(asked.tenant, edges, asked.as_of)
        parts = _then(asked, events) if changed else _now(asked, stretches)
        figure = Tally()
        for part in parts:
            figure.add(part.figure.count, part.figure.costs, part.figure.metrics)
        listed = None if figure.count > MOST_RECOUNTED else tally_of(events, asked.metric)
        rows, following = page_of(events, limit=limit, cursor=cursor)
    return Explanation(figure, parts, listed, rows, following, mark)


def _stretches(asked: Figure) -> list[Stretch]:
    if asked.rule_id is None:
        return [Stretch(asked.start, asked.end, None)]
    return billed_stretches(
        tenant=asked.tenant,
        start=asked.start,
        end=asked.end,
        group=asked.group,
        rule_id=asked.rule_id,
        as_of=asked.as_of,
    )


def _events(asked: Figure, stretches: list[Stretch]) -> Any:
    events = live_events(asked.tenant.pk, asked.as_of)
    if not stretches:
        return events.none()
    found = events.filter(within_q(stretches), **asked.group)
    return found.annotate(it=MetricNumber(asked.metric)) if asked.metric else found


def _now(asked: Figure, stretches: list[Stretch]) -> list[Part]:
    """From the sums that figures are made of."""
    edges = sorted({edge for one in stretches for edge in (one.start, one.end)})
    if not edges:
        return []
    pieces = cover(tenant=asked.tenant, edges=edges)
    cuts = sorted({*edges, *(piece.start for piece in pieces)})
    where = where_equal(asked.group)
    found = sums(
        tenant=asked.tenant,
        edges=cuts,
        where=where,
        group_by=["event_type"],
        metrics=asked.metrics,
        costs=True,
    )
    tallies: defaultdict[datetime, Tally] = defaultdict(Tally)
    for one in found:
        stretch = stretch_at(stretches, one.start)
        if stretch and stretch.takes(one.group[0]):
            tallies[one.start].add(one.tally.count, one.tally.costs, one.tally.metrics)
    return [
        Part(_source(pieces, start), start, end, tallies[start])
        for start, end in pairwise(cuts)
        if stretch_at(stretches, start)
    ]


def _source(pieces: Sequence[Segment], moment: datetime) -> str:
    return pieces[bisect_right(pieces, moment, key=lambda piece: piece.start) - 1].source.value


def _then(asked: Figure, events: Any) -> list[Part]:
    """From the events that counted at `as_of`, which no sums are kept of."""
    columns = {"count": Count("pk"), "total": ExactSum("cost")}
    if asked.metric:
        columns |= {"n": Count("it"), "sum": ExactSum("it"), "min": ExactMin("it"), "max": ExactMax("it")}
    tally = Tally()
    for row in events.values("currency").annotate(**columns):
        costs = {} if row["total"] is None else {row["currency"]: row["total"]}
        measure = [row[name] for name in ("n", "sum", "min", "max")] if row.get("n") else None
        tally.add(row["count"], costs, {name: measure for name in asked.metrics if measure})
    return [Part(Source.RAW.value, asked.start, asked.end, tally)]

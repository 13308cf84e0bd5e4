"""From a figure to the events that made it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, Q

from accounts.grammar import And, Compare, Path
from accounts.models import Tenant
from accounts.sql import ExactSum
from usage.dimensions import live_events
from usage.models import UsageEvent
from usage.queries.cover import cover
from usage.queries.events import read_cursor, write_cursor
from usage.queries.snapshot import snapshot
from usage.queries.sums import sums
from usage.queries.watermark import Watermark, watermark
from usage.tally import Tally


@dataclass(frozen=True, slots=True)
class Figure:
    """How many events, and what their senders billed, by currency."""

    count: int
    costs: dict[str, Decimal]


class Part(NamedTuple):
    """A stretch of the window and what the figure took for it: sums by day, by hour, or events (raw)."""

    source: str
    start: datetime
    end: datetime
    figure: Figure


@dataclass(frozen=True, slots=True)
class Explanation:
    """`figure` is the sum of the parts, `listed` that of the events themselves; they are equal."""

    figure: Figure
    parts: list[Part]
    listed: Figure
    events: list[UsageEvent]
    next_cursor: str | None
    watermark: Watermark

    @property
    def agrees(self) -> bool:
        return self.figure == self.listed


def figure_explain(
    *,
    tenant: Tenant,
    start: datetime,
    end: datetime,
    group: dict[str, str],
    limit: int,
    cursor: str | None = None,
) -> Explanation:
    """How the figure of [start, end) came about for events that share the values of `group`, and those.

    `group` maps DIMENSIONS to a value. All is read at one moment; events come newest first.
    """
    mark = watermark()
    where = And(tuple(Compare(Path((name,)), "=", value) for name, value in group.items()))
    with snapshot():
        pieces = cover(tenant=tenant, edges=[start, end])
        edges = [piece.start for piece in pieces] + [end]
        found = {item.start: item.tally for item in sums(tenant=tenant, edges=edges, where=where, costs=True)}
        tallies = [found.get(piece.start) for piece in pieces]
        figures = [Figure(tally.count, _known(tally.costs)) if tally else Figure(0, {}) for tally in tallies]
        parts = [
            Part(piece.source.value, piece.start, piece.end, figure)
            for piece, figure in zip(pieces, figures, strict=True)
        ]
        events = live_events(tenant.pk).filter(timestamp__gte=start, timestamp__lt=end, **group)
        listed = _listed(events)
        rows, following = _page(events, limit, cursor)
    return Explanation(_total(figures), parts, listed, rows, following, mark)


def _listed(events: Any) -> Figure:
    rows = events.values("currency").annotate(n=Count("pk"), total=ExactSum("cost"))
    count, costs = 0, {}
    for row in rows:
        count += row["n"]
        if row["total"] is not None:
            costs[row["currency"]] = row["total"]
    return Figure(count, costs)


def _page(events: Any, limit: int, cursor: str | None) -> tuple[list[UsageEvent], str | None]:
    if cursor:
        moment, row_id = read_cursor(cursor)
        events = events.filter(Q(timestamp__lt=moment) | Q(timestamp=moment, id__lt=row_id))
    rows = list(events.order_by("-timestamp", "-id")[: limit + 1])
    return rows[:limit], write_cursor(rows[limit - 1]) if len(rows) > limit else None


def _known(costs: dict[str, Decimal]) -> dict[str, Decimal]:
    return {currency: Decimal(cost) for currency, cost in costs.items() if cost is not None}


def _total(figures: list[Figure]) -> Figure:
    tally = Tally()
    for figure in figures:
        tally.add(figure.count, figure.costs, {})
    return Figure(tally.count, tally.costs)

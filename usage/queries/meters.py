"""What a meter counted, by window and by property.

Windows and the whole interval are half-open. A percentile is exact, by nearest rank. `latest` is by
timestamp, then by id. `unique` and `count` take numbers of metrics and texts of all else. An average is
rounded to 20 digits after the point. Time-weighted is the integral of the value in force over the window's
length: a value holds until the group's next one, the last before the interval is carried into it, and before
the first it is 0.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from django.db.models import Q, Value

from accounts.errors import Conflict, ValidationFailed
from accounts.grammar import EVERYTHING, And, Filter
from usage.dimensions import DIMENSIONS
from usage.filters import filter_q
from usage.models import Meter, UsageEvent
from usage.queries.calendar import window_edges
from usage.queries.integrals import Group, time_weighted
from usage.queries.measures import A, Measure, measure_of
from usage.queries.sums import of_dimensions, sums, where_equal
from usage.queries.watermark import Watermark, watermark
from usage.sql import Bucket, PropertyText

MOST_ROWS: Final = 10_000
MOST_GROUPS: Final = 3

Path = tuple[str, ...]
Figures = dict[tuple[int, Group], Decimal]


@dataclass(frozen=True, slots=True)
class Question:
    """`window` is a unit of the calendar in `zone`, or none for the whole of [start, end).

    `group` asks for one group of `group_by` alone.
    """

    start: datetime
    end: datetime
    window: str = "none"
    zone: tzinfo = UTC
    group_by: tuple[Path, ...] = ()
    filter: Filter = EVERYTHING
    group: Group | None = None

    @property
    def wanted(self) -> dict[Path, str | None]:
        """The properties that the events must have, by the group."""
        return {} if self.group is None else dict(zip(self.group_by, self.group, strict=True))

    def edges(self) -> list[datetime]:
        """Where the windows begin, and the end; 400 when they are too many."""
        if self.window == "none":
            return [self.start.astimezone(UTC), self.end.astimezone(UTC)]
        return window_edges(self.start, self.end, self.window, self.zone)


@dataclass(frozen=True, slots=True)
class Row:
    """The figure of one group in one window; None when no event gives one."""

    start: datetime
    end: datetime
    group: Group
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Answer:
    rows: list[Row]
    source: str
    watermark: Watermark


def meter_query(*, meter: Meter, question: Question) -> Answer:
    """A meter's figures, by window and then group in byte order; a window without events has no row.

    Errors: 400 more than MOST_ROWS rows or MOST_WINDOWS windows, 409 the meter is switched off.
    """
    if not meter.is_active:
        raise Conflict("This meter is switched off.")
    mark = watermark()
    measure = measure_of(meter)
    edges = question.edges()
    stored = from_rollups(measure, question)
    road = rollup_figures if stored else raw_figures
    figures = road(meter, measure, question, edges)
    return Answer(_rows(figures, edges, measure, question), "rollup" if stored else "raw", mark)


def from_rollups(measure: Measure, question: Question) -> bool:
    """Whether the rollups know enough: they tell events apart by DIMENSIONS alone, and hold no metadata."""
    grouped = all(len(path) == 1 and path[0] in DIMENSIONS for path in question.group_by)
    told = grouped and None not in question.wanted.values()
    return told and of_dimensions(And((measure.filter, question.filter))) and measure.in_rollups


def rollup_figures(meter: Meter, measure: Measure, question: Question, edges: list[datetime]) -> Figures:
    """As `raw_figures`, from the sums of whole hours and days and the events at the edges."""
    wanted = where_equal({path[0]: text for path, text in question.wanted.items() if text is not None})
    found = sums(
        tenant=meter.tenant,
        edges=edges,
        where=And((measure.filter, question.filter, wanted)),
        group_by=[path[0] for path in question.group_by],
        metrics=[measure.value[1]] if measure.value else [],
    )
    places = {edge: place for place, edge in enumerate(edges, 1)}
    made = {(places[one.start], one.group): measure.of_tally(one.tally) for one in found}
    return {key: figure for key, figure in made.items() if figure is not None}


def _rows(figures: Figures, edges: list[datetime], measure: Measure, question: Question) -> list[Row]:
    if len(figures) > MOST_ROWS:
        raise _too_many()
    if not figures and not question.group_by and question.window == "none":
        return [Row(edges[0], edges[1], (), measure.of_nothing)]
    ordered = sorted(figures, key=lambda key: (key[0], [(name is not None, name or "") for name in key[1]]))
    return [Row(edges[key[0] - 1], edges[key[0]], key[1], figures[key]) for key in ordered]


def _too_many() -> ValidationFailed:
    return ValidationFailed.field("group_by", f"more than {MOST_ROWS} rows; ask for larger windows or less.")


def raw_figures(meter: Meter, measure: Measure, question: Question, edges: list[datetime]) -> Figures:
    """The figures by the number of the window, from 1, and the group; made of the events themselves."""
    events, names = metered_events(meter, measure, question)
    if measure.aggregation == A.TIME_WEIGHTED:
        return time_weighted(events, names, edges, MOST_ROWS)
    within = events.filter(timestamp__gte=edges[0], timestamp__lt=edges[-1])
    # Without windows there is nothing to sort the events by.
    window: Any = Bucket("timestamp", edges) if len(edges) > 2 else Value(1)
    rows = within.annotate(window=window).values("window", *names).annotate(**measure.aggregates())
    return {
        (row["window"], tuple(row[name] for name in names)): measure.result(row)
        for row in rows.filter(figure__isnull=False)[: MOST_ROWS + 1]
    }


def metered_events(meter: Meter, measure: Measure, question: Question) -> tuple[Any, list[str]]:
    """The events that count, of all time, with their value as `it`, and the names of their groups' texts.

    One per event is no value. Those without one are left out, but not where a percentile passes them over:
    to read a value twice takes half as long again.
    """
    events = UsageEvent.objects.for_tenant(meter.tenant).live().order_by()
    for part in (measure.filter, question.filter):
        events = events.filter(filter_q(part))
    value = measure.expression()
    if value is not None:
        events = events.alias(it=value)
        if measure.aggregation != A.PERCENTILE:
            events = events.filter(it__isnull=False)
    groups = {f"group_{place}": PropertyText(path) for place, path in enumerate(question.group_by)}
    events = events.annotate(**groups)
    for name, text in zip(groups, question.wanted.values(), strict=False):
        events = events.filter(Q((f"{name}__isnull", True)) if text is None else Q((name, text)))
    return events, list(groups)

"""From a meter's figure to the events that made it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, Value

from accounts.snapshot import snapshot
from usage.models import Meter, UsageEvent
from usage.queries.events import page_of
from usage.queries.measures import A, Measure, measure_of
from usage.queries.meters import Question, meter_query, metered_events
from usage.queries.recount import MOST_RECOUNTED, TOO_MANY, figure_of
from usage.queries.watermark import Watermark


@dataclass(frozen=True, slots=True)
class MeterExplanation:
    """`value` is the meter's figure, `recounted` that of its events, unless `not_recounted` says why not.

    Each event has as `it` what the meter found in it.
    """

    value: Decimal | None
    source: str
    recounted: Decimal | None
    not_recounted: str
    events: list[UsageEvent]
    next_cursor: str | None
    watermark: Watermark

    @property
    def agrees(self) -> bool | None:
        return None if self.not_recounted else self.value == self.recounted


def meter_explain(
    *, meter: Meter, question: Question, limit: int, cursor: str | None = None
) -> MeterExplanation:
    """The figure of one window (the whole question) and one group, and its events, newest first.

    All is read at one moment. Errors: as `meter_query`.
    """
    measure = measure_of(meter)
    with snapshot():
        answer = meter_query(meter=meter, question=question)
        value = answer.rows[0].value if answer.rows else measure.of_nothing
        events = _behind(meter, measure, question)
        steps = sorted(events.values_list("timestamp", "id", "it")[: MOST_RECOUNTED + 1])
        rows, following = page_of(events, limit=limit, cursor=cursor)
    many = len(steps) > MOST_RECOUNTED
    values = [(moment, it) for moment, _, it in steps]
    recounted = None if many else figure_of(measure, values, question.start, question.end)
    reason = TOO_MANY if many else ""
    return MeterExplanation(value, answer.source, recounted, reason, rows, following, answer.watermark)


def _behind(meter: Meter, measure: Measure, question: Question) -> Any:
    """The events of the window; where values stand until the next one, also the last one before it."""
    counted, _ = metered_events(meter, measure, question)
    events = counted.annotate(it=Value(1) if measure.value is None else F("it")).filter(it__isnull=False)
    within = events.filter(timestamp__gte=question.start, timestamp__lt=question.end)
    if measure.aggregation != A.TIME_WEIGHTED:
        return within
    standing = events.filter(timestamp__lt=question.start).order_by("-timestamp", "-id").first()
    if standing is None:
        return within
    since = events.filter(timestamp__gte=standing.timestamp, timestamp__lt=question.end)
    return since.filter(Q(timestamp__gte=question.start) | Q(pk=standing.pk))

"""The figures that alerts watch."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from accounts.exact import quotient
from accounts.sql import ExactSum
from usage.filters import filter_q, read_filter
from usage.models import Alert, Meter, UsageEvent
from usage.queries.meters import Question, meter_query
from usage.queries.sums import of_dimensions, sums
from usage.sql import SentCost, SentCurrency

PERCENTILE: Final = Decimal(95)
LATENCY: Final = "latency_ms"
FAILED: Final = 'metrics.status_code >= 400 or metadata.status in ("error", "failed")'
Measure = Alert.Measure


class Reading(NamedTuple):
    """A figure and how many events it is made of; None when they give none."""

    value: Decimal | None
    points: int


def alert_reading(alert: Alert, now: datetime) -> Reading:
    """What the alert's window before `now` says."""
    question = Question(start=now - alert.window, end=now)
    points = int(_ask(alert, question, alert.filter) or 0)
    if alert.measure == Measure.COST:
        return Reading(_cost(alert, question), points)
    if alert.measure == Measure.LATENCY:
        name = f"metrics.{alert.metric or LATENCY}"
        value = _ask(alert, question, alert.filter, "percentile", name, percentile=PERCENTILE)
        return Reading(value, points)
    if alert.measure == Measure.ERROR_RATE:
        failed = _ask(alert, question, f"({alert.filter}) and ({FAILED})" if alert.filter.strip() else FAILED)
        return Reading(quotient(failed or Decimal(0), Decimal(points)) if points else None, points)
    if alert.metric:
        return Reading(_ask(alert, question, alert.filter, "sum", f"metrics.{alert.metric}"), points)
    return Reading(Decimal(points), points)


def _ask(
    alert: Alert,
    question: Question,
    where: str,
    aggregation: str = "count",
    value: str = "1",
    percentile: Decimal | None = None,
) -> Decimal | None:
    """A meter's answer, from the sums where they serve."""
    meter = Meter(
        tenant=alert.tenant, filter=where, aggregation=aggregation, value=value, percentile=percentile
    )
    rows = meter_query(meter=meter, question=question).rows
    return rows[0].value if rows else None


def _cost(alert: Alert, question: Question) -> Decimal:
    where = read_filter(alert.filter)
    if of_dimensions(where):
        found = sums(tenant=alert.tenant, edges=question.edges(), where=where, costs=True)
        return found[0].tally.costs.get(alert.currency, Decimal(0)) if found else Decimal(0)
    events: Any = UsageEvent.objects.for_tenant(alert.tenant).live().order_by()
    events = events.filter(timestamp__gte=question.start, timestamp__lt=question.end)
    rows = events.filter(filter_q(where)).annotate(sent_in=SentCurrency())
    known = rows.filter(sent_in=alert.currency).aggregate(cost=ExactSum(SentCost()))
    return known["cost"] or Decimal(0)

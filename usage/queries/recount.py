"""Figures made once more, event by event and without SQL's help, to hold against those that were given."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from accounts.exact import EXACT, exact_sum, quotient
from usage.exact import cost_of, currency_of, nearest_rank
from usage.queries.integrals import TICK
from usage.queries.measures import A, Measure
from usage.tally import Tally

MOST_RECOUNTED: Final = 20_000
TOO_MANY: Final = f"There are more than {MOST_RECOUNTED} events."

Step = tuple[datetime, Any]  # a moment and a value, in order


def tally_of(events: Any, metric: str | None) -> Tally:
    """What events sum up to, with one metric when it is asked for; MOST_RECOUNTED + 1 at most."""
    tally = Tally()
    rows = events.values_list("billing_info", "metrics")[: MOST_RECOUNTED + 1]
    for billing, metrics in rows.iterator():
        sent = billing if isinstance(billing, dict) else {}
        measured = {metric: metrics.get(metric)} if metric and isinstance(metrics, dict) else {}
        tally.add_event(currency_of(sent.get("currency")), cost_of(sent.get("total_cost")), measured)
    return tally


def figure_of(measure: Measure, steps: Sequence[Step], start: datetime, end: datetime) -> Decimal | None:
    """What a meter makes of the values of one window and group; the first may stand since before it."""
    if not steps:
        return measure.of_nothing
    if measure.aggregation == A.TIME_WEIGHTED:
        return _weighted(steps, start, end)
    values = [value for _, value in steps]
    if measure.aggregation == A.PERCENTILE:
        return nearest_rank(values, measure.share)
    return Decimal(_MADE[A(measure.aggregation)](values))


def _weighted(steps: Iterable[Step], start: datetime, end: datetime) -> Decimal:
    areas = (
        EXACT.multiply(value, Decimal((until - max(since, start)) // TICK))
        for (since, value), (until, _) in pairwise([*steps, (end, None)])
    )
    return quotient(exact_sum(areas), Decimal((end - start) // TICK))


_MADE: Final[dict[str, Callable[[list[Any]], Any]]] = {
    A.COUNT: len,
    A.SUM: exact_sum,
    A.AVG: lambda values: quotient(exact_sum(values), Decimal(len(values))),
    A.MIN: min,
    A.MAX: max,
    A.UNIQUE: lambda values: len(set(values)),
    A.LATEST: lambda values: values[-1],
}

"""The chart of a meter's figures: a column for each window, a series for each of the largest groups."""

from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from accounts.pages.charts import Bar, Chart, stacked_bars
from usage.models import Meter
from usage.queries.integrals import Group
from usage.queries.meters import Answer, Question

SERIES: Final = 5  # more groups than this, and the last series stands for the rest
MOST_COLUMNS: Final = 400
ADDED_UP: Final = frozenset({Meter.Aggregation.COUNT, Meter.Aggregation.SUM})
LABELS: Final = {"minute": "%H:%M", "hour": "%-d %b %H:%M", "month": "%b %Y"}
ZERO: Final = Decimal(0)


class Drawing(NamedTuple):
    """`names` of the series, one that is empty without groups; the last may stand for all others."""

    chart: Chart
    names: list[str]


def answer_drawing(meter: Meter, question: Question, answer: Answer) -> Drawing | str:
    """The figures as a picture, or why there is none."""
    if question.group_by and meter.aggregation not in ADDED_UP:
        return f"No picture: the {meter.get_aggregation_display().lower()} of groups does not add up."
    edges = question.edges()
    if len(edges) > MOST_COLUMNS:
        return f"No picture of more than {MOST_COLUMNS} windows; choose larger ones."
    shares: defaultdict[datetime, Counter[Group]] = defaultdict(Counter)
    totals: Counter[Group] = Counter()
    for row in answer.rows:
        shares[row.start][row.group] += row.value or ZERO  # type: ignore[assignment]  # a Counter of decimals
        totals[row.group] += abs(row.value or ZERO)  # type: ignore[assignment]
    ranked = [group for group, _ in totals.most_common()]
    shown = ranked if len(ranked) <= SERIES else ranked[: SERIES - 1]
    bars = []
    for start, _ in pairwise(edges):
        of = shares[start]
        rest = sum((value for group, value in of.items() if group not in shown), ZERO)
        values = [Decimal(of.get(group, 0)) for group in shown]
        bars.append(Bar(_label(start, question), [*values, rest] if len(shown) < len(ranked) else values))
    others = [f"{len(ranked) - len(shown)} others"] if len(shown) < len(ranked) else []
    return Drawing(stacked_bars(bars), [*(group_name(group) for group in shown), *others])


def group_name(group: Group) -> str:
    return ", ".join("(none)" if text is None else text or "(empty)" for text in group)


def _label(start: datetime, question: Question) -> str:
    return start.astimezone(question.zone).strftime(LABELS.get(question.window, "%-d %b %Y"))

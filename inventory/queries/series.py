"""Costs step by step in time, by the largest parts of a dimension: what charts of costs are drawn from."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from typing import Final, NamedTuple

from django.db.models import Case, QuerySet, Value, When
from django.db.models.lookups import In

from accounts.exact import EXACT
from accounts.models import Tenant
from inventory.models import CostLine
from inventory.queries.analytics import Analytics, converted_groups
from inventory.queries.dimensions import TIMES, Dimension, read_dimensions
from inventory.queries.rates import Rates
from inventory.queries.spans import DAY, Span, months_after
from inventory.queries.sums import ZERO

NAMED: Final = 4  # parts that are told apart; all others are OTHER
OTHER: Final = "other"
ALL: Final = "all"
MOST_DAYS: Final = 92  # a longer span goes by months
Amounts = dict[tuple[str, str], Decimal]  # by step and name


class Series(NamedTuple):
    """`steps` has for each day, or month, an amount for each of `names`, of which the last may be OTHER."""

    currency: str
    names: list[str]
    steps: list[tuple[str, list[Decimal]]]


def cost_series(
    *,
    tenant: Tenant,
    lines: QuerySet[CostLine],
    span: Span,
    dimensions: Sequence[Dimension],
    found: Analytics,
    cost: str = "effective",
) -> list[Series]:
    """For each currency of a report over a span with both ends, by the first dimension that is no time."""
    if not found.parts:
        return []
    unit = unit_of(span)
    place = next((n for n, dimension in enumerate(dimensions) if dimension.name not in TIMES), None)
    named = _largest(found, place, cost) if place is not None else {}
    by = [] if place is None else [_only(dimensions[place], set(chain.from_iterable(named.values())))]
    rates = Rates(tenant, found.rates.to_currency) if found.rates else None
    groups = converted_groups(tenant, lines, [*read_dimensions([unit]), *by], rates)
    amounts: defaultdict[str, Amounts] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for ((step, *labels), currency), sums in groups:
        label = labels[0] if labels else ALL
        key = (step, label if label in named.get(currency, [ALL]) else OTHER)
        amounts[currency][key] = EXACT.add(amounts[currency][key], getattr(sums, cost) or ZERO)
    steps = steps_of(span, unit)
    return [_series(name, steps, amounts[name], named.get(name, [ALL])) for name in sorted(amounts)]


def unit_of(span: Span) -> str:
    start, end = span.ends
    return "day" if (end - start).days <= MOST_DAYS else "month"


def steps_of(span: Span, unit: str) -> list[str]:
    """The days or months of a span, as dimensions of time name them."""
    (day, end), found = span.ends, []
    while day < end:
        found.append(day.isoformat()[: TIMES[unit]])
        day = day + DAY if unit == "day" else months_after(day, 1)
    return found


def _series(currency: str, steps: list[str], amounts: Amounts, named: list[str]) -> Series:
    names = [*named, OTHER] if any(name == OTHER for _, name in amounts) and OTHER not in named else named
    return Series(currency, names, [(step, [amounts[step, name] for name in names]) for step in steps])


def _largest(found: Analytics, place: int, cost: str) -> dict[str, list[str]]:
    """By currency the parts of one dimension that cost most."""
    sums: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for part in found.parts:
        name = part.group[place]
        sums[part.currency][name] = EXACT.add(sums[part.currency][name], getattr(part.sums, cost) or ZERO)
    return {
        currency: sorted(names, key=lambda name: (-names[name], name))[:NAMED]
        for currency, names in sums.items()
    }


def _only(dimension: Dimension, names: set[str]) -> Dimension:
    """The dimension with OTHER for all but some names, so that the database adds them up."""
    if dimension.label is None:
        return dimension
    known = When(In(dimension.label, sorted(names)), then=dimension.label)
    return Dimension(dimension.name, Case(known, default=Value(OTHER)))

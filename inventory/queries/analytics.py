"""What costs are made of: parts by any dimensions, which add up to the whole in each currency."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from django.db.models import QuerySet

from accounts.exact import EXACT, quotient
from accounts.models import Tenant
from inventory.models import CostLine
from inventory.queries.completeness import Completeness, completeness
from inventory.queries.dimensions import Dimension
from inventory.queries.rates import Rates
from inventory.queries.spans import Span
from inventory.queries.sums import NOTHING, ZERO, Sums, cost_groups

Key = tuple[tuple[str, ...], str]


class Part(NamedTuple):
    """`group` has a text for each dimension; `groups` is how many groups this one part stands for."""

    group: tuple[str, ...]
    currency: str
    sums: Sums
    groups: int = 1


class Savings(NamedTuple):
    """Negative ones are losses. `rate` is the share of what it would have cost at list prices."""

    negotiated: Decimal
    commitment: Decimal
    total: Decimal
    rate: Decimal | None


class Analytics(NamedTuple):
    """The largest parts, in each currency the rest of them, and the totals, which are the sums of both."""

    parts: list[Part]
    rest: list[Part]
    totals: list[Part]
    completeness: Completeness
    rates: Rates | None


def cost_analytics(
    *,
    tenant: Tenant,
    lines: QuerySet[CostLine],
    span: Span,
    dimensions: Sequence[Dimension],
    currency: str | None = None,
    cost: str = "effective",
    limit: int | None = None,
) -> Analytics:
    """The lines by the dimensions; the `limit` parts of the highest `cost`, in the order of time.

    With a currency, amounts are converted into it by the rates of their days; those of a currency and day
    without a rate stay as they are, beside it, and `rates.missing` names them.
    """
    rates = Rates(tenant, currency) if currency else None
    sums: defaultdict[Key, Sums] = defaultdict(lambda: NOTHING)
    totals: defaultdict[str, Sums] = defaultdict(lambda: NOTHING)
    for key, found in converted_groups(tenant, lines, dimensions, rates):
        sums[key] = sums[key].plus(found)
        totals[key[1]] = totals[key[1]].plus(found)
    ranked = sorted(sums.items(), key=lambda item: (-_cost(item[1], cost), item[0]))
    times = [place for place, dimension in enumerate(dimensions) if dimension.is_time]
    shown = sorted(ranked[:limit], key=lambda item: (item[0][1], [item[0][0][place] for place in times]))
    return Analytics(
        parts=[Part(*key, found) for key, found in shown],
        rest=_rest(ranked[limit:] if limit is not None else []),
        totals=[Part((), name, found) for name, found in sorted(totals.items())],
        completeness=completeness(tenant, span),
        rates=rates,
    )


def savings_of(sums: Sums) -> Savings:
    """List less contracted, contracted less effective, and both; what nobody told is no saving."""
    at_list, at_contract, at_last = (amount or ZERO for amount in sums[-3:])
    total = EXACT.subtract(at_list, at_last)
    return Savings(
        negotiated=EXACT.subtract(at_list, at_contract),
        commitment=EXACT.subtract(at_contract, at_last),
        total=total,
        rate=quotient(total, at_list) if at_list else None,
    )


def converted_groups(
    tenant: Tenant, lines: QuerySet[CostLine], dimensions: Sequence[Dimension], rates: Rates | None
) -> Iterator[tuple[Key, Sums]]:
    """(texts of the dimensions, currency) and sums; a key may come more than once."""
    charged = [dimension for dimension in dimensions if not dimension.is_time]
    for group in cost_groups(tenant, lines, charged, _grain(dimensions, rates)):
        labels = iter(group.labels)
        named = tuple(
            dimension.of_day(group.day) if dimension.is_time and group.day else next(labels)
            for dimension in dimensions
        )
        rate = rates.of(group.currency, group.day) if rates and group.day else None
        if rates is None or rate is None:
            yield (named, group.currency), group.sums
        else:
            yield (named, rates.to_currency), group.sums.times(rate)


def _grain(dimensions: Sequence[Dimension], rates: Rates | None) -> str | None:
    """The longest time of which a group may be: one of its day or month, and of one rate."""
    names = {dimension.name for dimension in dimensions}
    if "day" in names or (rates and not rates.monthly):
        return "day"
    return "month" if "month" in names or rates else None


def _cost(sums: Sums, cost: str) -> Decimal:
    amount: Decimal | None = getattr(sums, cost)
    return ZERO if amount is None else amount


def _rest(ranked: Sequence[tuple[Key, Sums]]) -> list[Part]:
    left: dict[str, Part] = {}
    for (_, currency), sums in ranked:
        before = left.get(currency, Part((), currency, NOTHING, 0))
        left[currency] = before._replace(sums=before.sums.plus(sums), groups=before.groups + 1)
    return [left[currency] for currency in sorted(left)]

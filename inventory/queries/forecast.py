"""What costs may become, and how near such forecasts were before."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from accounts.exact import EXACT, exact_sum
from inventory.queries.daily import Daily, Days
from inventory.queries.spans import Span, months_after, span_around
from inventory.queries.sums import ZERO

HISTORY_DAYS: Final = 400
DAY: Final = timedelta(days=1)


class Estimate(NamedTuple):
    """To six digits after the point; `low` and `high` hold four of five such amounts."""

    amount: Decimal
    low: Decimal
    high: Decimal


class MonthEnd(NamedTuple):
    """What was spent on the complete days of a month, and what it all may come to."""

    month: date
    actual: Decimal
    total: Estimate


class CostForecast(NamedTuple):
    """`errors` is by method the mean absolute error of past forecasts as a share of what was spent."""

    method: str
    history_days: int
    days: list[tuple[date, Estimate]]
    total: Estimate
    month: MonthEnd
    errors: dict[str, Decimal]
    coverage: Decimal | None

    @property
    def confidence(self) -> str:
        return "low" if self.coverage is None else "normal"


def cost_forecast(daily: Daily, days: int) -> CostForecast | None:
    """The `days` after the last complete one, and the end of the month they begin in; None without history.

    What is bought once is no sign of what comes; what is bought each month comes on its day.
    """
    if daily.through is None or not (series := _series(daily.usual, daily.through)):
        return None
    import numpy as np  # 30 MB and a tenth of a second that nothing else needs

    from inventory import forecasting

    first = daily.through + DAY
    month = span_around(first, "month")
    rest = (month.end - first).days if month.end else 0
    found = forecasting.forecast(np.array(series, dtype=float), max(days, rest))
    bought = list(_bought(daily.recurring, first, max(days, rest)))

    def total(count: int) -> Estimate:
        known = exact_sum([_decimal(float(found.days[:count].sum())), *bought[:count]])
        return _around(known, float(found.total_error[count - 1]))

    widths = (found.high - found.days).tolist()
    amounts = [_around(_decimal(amount) + once, width)
               for amount, once, width in zip(found.days.tolist(), bought, widths, strict=True)]  # fmt: skip
    actual = spent_in(daily, Span(month.start, first))
    return CostForecast(
        method=found.method,
        history_days=len(series),
        days=[(first + n * DAY, amounts[n]) for n in range(days)],
        total=total(days),
        month=MonthEnd(
            month.start or first, actual, Estimate(*(EXACT.add(actual, part) for part in total(rest)))
        ),
        errors={name: _decimal(error) for name, error in found.errors.items()},
        coverage=None if found.covered is None else _decimal(found.covered),
    )


def spent_in(daily: Daily, span: Span) -> Decimal:
    """What was spent on the days of a span, incomplete ones too."""
    return exact_sum(amount for day, amount in daily.spent.items() if span.holds(day))


def _series(usual: Days, through: date) -> list[Decimal]:
    """Consecutive days up to `through`; days without costs between them cost nothing."""
    known = [day for day in usual if through - HISTORY_DAYS * DAY < day <= through]
    if not known:
        return []
    start = min(known)
    return [usual.get(start + n * DAY, ZERO) for n in range((through - start).days + 1)]


def _bought(recurring: Days, first: date, count: int) -> Iterator[Decimal]:
    """For each day what was bought on the same day of the month before; the last month is repeated."""
    last = Span(months_after(first, -1), None)
    by_day = {day.day: amount for day, amount in sorted(recurring.items()) if last.holds(day)}
    for n in range(count):
        yield by_day.get((first + n * DAY).day, ZERO)


def _around(amount: Decimal, width: float) -> Estimate:
    return Estimate(amount, amount - _decimal(width), amount + _decimal(width))


def _decimal(number: float) -> Decimal:
    return Decimal(f"{number:.6f}")

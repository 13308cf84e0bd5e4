"""Charts of costs."""

from collections.abc import Collection
from datetime import date

from accounts.pages.charts import Bar, Chart, stacked_bars
from inventory.queries.daily import Daily
from inventory.queries.forecast import DAY, CostForecast
from inventory.queries.series import Series
from inventory.queries.sums import ZERO

SHOWN_DAYS = 30  # before a forecast


def costs_chart(series: Series, incomplete: Collection[date] = ()) -> Chart:
    """A column for each step; those that hold days which are not told to the end are marked."""
    return stacked_bars(
        [
            Bar(_label(step), amounts, mark="partial" if _holds(step, incomplete) else "")
            for step, amounts in series.steps
        ]
    )


def forecast_chart(daily: Daily, found: CostForecast) -> Chart:
    """What was spent on the last days, and what the next may cost, with the room for error."""
    first = found.days[0][0]
    before = [first - n * DAY for n in range(SHOWN_DAYS, 0, -1)]
    spent = [Bar(_label(day.isoformat()), [daily.spent.get(day, ZERO)]) for day in before]
    guesses = [
        Bar(_label(day.isoformat()), [one.amount], one.low, one.high, mark="guess") for day, one in found.days
    ]
    return stacked_bars([*spent, *guesses])


def _label(step: str) -> str:
    """`2026-03-10` → 10 Mar; `2026-03` → Mar 2026."""
    if len(step) == len("2026-03"):
        return f"{date.fromisoformat(f'{step}-01'):%b %Y}"
    return f"{date.fromisoformat(step):%-d %b}"


def _holds(step: str, days: Collection[date]) -> bool:
    return any(day.isoformat().startswith(step) for day in days)

"""How budgets stand."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.utils import timezone

from accounts.exact import exact_sum, quotient
from inventory.models import Budget, BudgetNotice
from inventory.queries.costs import lines_matching
from inventory.queries.daily import Daily, daily_costs
from inventory.queries.forecast import DAY, HISTORY_DAYS, cost_forecast, spent_in
from inventory.queries.spans import Span, span_around

TOO_EARLY_DAYS: Final = 5  # of a period, in which its forecast says little


class Standing(NamedTuple):
    """Of the period that holds a day. `forecast` is for all of it, None when there is nothing to go by.

    `left_out` names the currencies that could not be converted and do not count.
    """

    span: Span
    actual: Decimal
    forecast: Decimal | None
    left_out: list[str]

    def value(self, of: str) -> Decimal | None:
        return self.actual if of == BudgetNotice.Of.ACTUAL else self.forecast

    def percent(self, budget: Budget) -> Decimal:
        return quotient(self.actual * 100, budget.amount).quantize(Decimal("0.01"))


def budget_standing(budget: Budget, now: datetime | None = None) -> Standing:
    """What the budget's costs are in the running period, and what they may come to by its end."""
    today = (now or timezone.now()).date()
    span = span_around(today, budget.period)
    read = Span(min(span.start or today, today - HISTORY_DAYS * DAY), None)
    daily = daily_costs(
        tenant=budget.tenant,
        lines=lines_matching(budget.tenant, read, budget.filter),
        cost=budget.cost,
        reporting_currency=budget.currency,
    )
    actual = spent_in(daily, span)
    return Standing(span, actual, _forecast(daily, span, actual), daily.left_out)


def _forecast(daily: Daily, span: Span, actual: Decimal) -> Decimal | None:
    """What is known of the span's complete days and what the others may cost, never less than `actual`."""
    if daily.through is None or span.end is None:
        return None
    rest = (span.end - daily.through).days - 1
    if rest <= 0:
        return actual
    found = cost_forecast(daily, rest) if rest <= HISTORY_DAYS else None
    if found is None:
        return None
    known = spent_in(daily, Span(span.start, daily.through + DAY))
    return max(actual, exact_sum([known, *(guess.amount for day, guess in found.days if span.holds(day))]))


def crossed(budget: Budget, standing: Standing, today: date) -> list[tuple[str, int, Decimal]]:
    """(of, percent, value) of each threshold that is reached."""
    started = (today - standing.span.start).days if standing.span.start else 0
    found = []
    for threshold in budget.thresholds:
        of, percent = threshold["of"], threshold["percent"]
        value = standing.value(of)
        early = of == BudgetNotice.Of.FORECAST and started < TOO_EARLY_DAYS
        if value is not None and not early and value * 100 >= budget.amount * percent:
            found.append((of, percent, value))
    return found

"""Daily amounts, and what they may become: arithmetic only, no database.

Three ways are tried on the past, and the one that would have been nearest is taken. Amounts are binary
fractions here: an estimate is none the worse for it, and nothing of it is ever added to a bill.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

Series = np.ndarray[Any, np.dtype[np.float64]]
WEEK: Final = 7
LEAST: Final = 2 * WEEK  # days of history below which there is nothing to choose from
FULL: Final = 4 * WEEK
SEASONS: Final = 8  # weeks that say what a weekday costs
FOLDS: Final = 3
MAD: Final = 1.4826  # makes a median absolute deviation comparable to a standard deviation
CLIP: Final = 3.5
COVERAGE: Final = 0.8
# Level, trend, season and damping of Holt and Winters: all of them are tried at once.
GRID: Final = np.array(
    np.meshgrid((0.05, 0.15, 0.3, 0.5), (0.0, 0.02, 0.1), (0.05, 0.2), (0.9, 0.98))
).reshape(4, -1)


class Forecast(NamedTuple):
    """Amounts of the days after the series, and how far off `method` was on the past.

    `errors` has by method the absolute error as a share of what was spent; `covered` is the share of past
    days that lay between `low` and `high` made without them. Both are empty when the history is short.
    """

    method: str
    days: Series
    low: Series
    high: Series
    errors: dict[str, float]
    covered: float | None
    total_error: Series


def forecast(series: Series, horizon: int) -> Forecast:
    """The next `horizon` days of a series of consecutive days, of which there is at least one."""
    folds = _folds(len(series), horizon)
    known = _methods(len(series))
    misses = {name: [_miss(method, series, fold) for fold in folds] for name, method in known.items()}
    spent = sum(np.abs(series[at : at + length]).sum() for at, length in folds)
    errors = {
        name: float(sum(np.abs(miss).sum() for miss in found) / spent) if spent else 0.0
        for name, found in misses.items()
        if folds
    }
    best = min(errors, key=lambda name: errors[name]) if errors else next(iter(known))
    days = known[best](clean(series), horizon)
    width = _width(misses[best], horizon, series)
    total = _total_error(misses[best], horizon, width)
    return Forecast(best, days, days - width, days + width, errors, _covered(misses[best], series), total)


def clean(series: Series) -> Series:
    """The series with each day that is far from its weekday, four weeks around, brought near to it."""
    cleaned = series.copy()
    for weekday in range(WEEK):
        same = series[weekday::WEEK]
        for place in range(len(same)):
            near = same[max(0, place - SEASONS // 2) : place + SEASONS // 2 + 1]
            middle = np.median(near)
            reach = CLIP * MAD * np.median(np.abs(near - middle))
            if reach:
                cleaned[weekday + WEEK * place] = np.clip(same[place], middle - reach, middle + reach)
    return cleaned


def run_rate(series: Series, horizon: int) -> Series:
    """Every day costs what the last four weeks' days did on the average."""
    return np.full(horizon, series[-FULL:].mean())


def weekday_median(series: Series, horizon: int) -> Series:
    """Every day costs the median of its weekday in the last four weeks."""
    recent = series[-FULL:]
    medians = [np.median(recent[(len(recent) + day) % WEEK :: WEEK]) for day in range(WEEK)]
    return np.resize(np.array(medians), horizon)


def holt_winters(series: Series, horizon: int) -> Series:
    """Damped trend and weekly season, with the weights that erred least from one day to the next."""
    alpha, beta, gamma, phi = GRID
    level = np.full(alpha.shape, series[: 2 * WEEK].mean())
    trend = np.zeros(alpha.shape)
    start = series[: 2 * WEEK].reshape(2, WEEK).mean(axis=0)
    season = np.repeat((start - start.mean())[:, None], alpha.size, axis=1)
    errors = np.zeros(alpha.shape)
    for day, amount in enumerate(series):
        place = day % WEEK
        damped = phi * trend
        error = amount - (level + damped + season[place])
        errors += np.abs(error) if day >= 2 * WEEK else 0
        level = level + damped + alpha * error
        trend = damped + alpha * beta * error
        season[place] += gamma * (1 - alpha) * error
    best = int(errors.argmin())
    damping = np.cumsum(phi[best] ** np.arange(1, horizon + 1))
    places = (len(series) + np.arange(horizon)) % WEEK
    found: Series = level[best] + damping * trend[best] + season[places, best]
    return found


Method = Callable[[Series, int], Series]


def _methods(length: int) -> dict[str, Method]:
    """What may be tried on so many days, the plainest first."""
    known: dict[str, Method] = {"run_rate": run_rate}
    if length >= LEAST:
        known = {"weekday_median": weekday_median, **known}
    if length >= FULL:
        known["holt_winters"] = holt_winters
    return known


def _folds(length: int, horizon: int) -> list[tuple[int, int]]:
    """(first day, days) of the stretches at the end of the history that are forecast from what was before."""
    days = max(WEEK, min(horizon, FULL, length // 6))
    starts = (length - days * fold for fold in range(1, FOLDS + 1))
    return [(start, days) for start in starts if length >= FULL and start >= LEAST]


def _miss(method: Method, series: Series, fold: tuple[int, int]) -> Series:
    """What was spent less what had been forecast."""
    start, days = fold
    return series[start : start + days] - method(clean(series[:start]), days)


def _width(misses: list[Series], horizon: int, series: Series) -> Series:
    """How far a day may be off, by how far ahead it is: COVERAGE of the past errors of such days."""
    if not misses:
        spread = MAD * np.median(np.abs(series - np.median(series)))
        return np.full(horizon, 1.2816 * spread)
    errors = np.abs(np.array(misses))
    weeks = [
        np.quantile(errors[:, start : start + WEEK], COVERAGE) for start in range(0, errors.shape[1], WEEK)
    ]
    growing = np.maximum.accumulate(np.array(weeks))
    found: Series = growing[np.minimum(np.arange(horizon) // WEEK, len(growing) - 1)]
    return found


def _total_error(misses: list[Series], horizon: int, width: Series) -> Series:
    """How far the sum of the first days may be off: the worst of the past, and beyond it in proportion."""
    if not misses:
        return np.cumsum(width)
    worst = np.abs(np.cumsum(np.array(misses), axis=1)).max(axis=0)
    known = np.maximum.accumulate(worst)
    beyond = known[-1] * np.arange(1, horizon + 1) / len(known)
    return np.concatenate([known[:horizon], beyond[len(known) :]])


def _covered(misses: list[Series], series: Series) -> float | None:
    """The share of days of each fold that the errors of the other folds would have covered."""
    if len(misses) < 2:
        return None
    hits = []
    for place, miss in enumerate(misses):
        others = [other for number, other in enumerate(misses) if number != place]
        hits.append(np.abs(miss) <= _width(others, len(miss), series))
    return float(np.mean(hits))

"""Days that cost unusually much or little: arithmetic only, no database.

A day is held against the median of its weekday in the eight weeks before, on a scale on which twice as much
is as far as half as much, and against how far days usually are from theirs. Later days change nothing.
"""

from typing import Any, Final, NamedTuple

import numpy as np

Matrix = np.ndarray[Any, np.dtype[Any]]
WEEK: Final = 7
HISTORY: Final = 8 * WEEK
LEAST: Final = 3 * WEEK
MAD: Final = 1.4826
FINEST: Final = 0.01  # of a series' median: below it amounts count as they are, above it by their ratio


class Found(NamedTuple):
    """A row for each series, a column for each day."""

    expected: Matrix
    unusual: Matrix


def find(amounts: Matrix, first: int, *, deviations: float, share: float, minimum: float) -> Found:
    """What each day from column `first` on was expected to be, and whether it was far from that.

    A day is unusual when it is off by `deviations`, by this share of what was expected and by `minimum`.
    Days with less than three weeks before them are not judged.
    """
    expected = amounts.astype(float).copy()
    unusual = np.zeros(amounts.shape, dtype=bool)
    for day in range(max(first, LEAST), amounts.shape[1]):
        before = amounts[:, max(0, day - HISTORY) : day]
        unit = np.maximum(np.median(np.abs(before), axis=1, keepdims=True) * FINEST, 1e-9)
        scaled = np.arcsinh(before / unit)
        weekday = day - max(0, day - HISTORY)
        middle = np.median(scaled[:, weekday % WEEK :: WEEK], axis=1)
        spread = MAD * np.median(np.abs(_residuals(scaled)), axis=1)
        expected[:, day] = np.sinh(middle) * unit[:, 0]
        far = np.abs(np.arcsinh(amounts[:, day] / unit[:, 0]) - middle) > deviations * spread
        difference = np.abs(amounts[:, day] - expected[:, day])
        unusual[:, day] = far & (difference >= share * np.abs(expected[:, day])) & (difference >= minimum)
    return Found(expected, unusual)


def _residuals(scaled: Matrix) -> Matrix:
    """How far each day is from the median of its weekday."""
    found = np.empty(scaled.shape)
    for weekday in range(WEEK):
        same = scaled[:, weekday::WEEK]
        found[:, weekday::WEEK] = same - np.median(same, axis=1, keepdims=True)
    return found

"""The geometry of a stacked bar chart; the template draws it as SVG, the labels around it are text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 100.0
STEP: Final = 10.0  # the width of a column with its gap; the browser stretches it
GAP: Final = 2.4
ROUND: Final = (1, 2, 4, 5, 8, 10)


@dataclass(frozen=True, slots=True)
class Part:
    """One series' share of a column; `y` is its upper edge."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    total: int
    x: float
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Chart:
    columns: list[Column]
    top: int

    width_of_column: float = STEP - GAP
    height: float = HEIGHT

    @property
    def width(self) -> float:
        return len(self.columns) * STEP - GAP

    @property
    def half(self) -> float:
        return self.top / 2

    @property
    def middle(self) -> Column:
        return self.columns[len(self.columns) // 2]

    @property
    def last(self) -> Column:
        return self.columns[-1]


def stacked_bars(columns: Sequence[tuple[str, Sequence[int]]]) -> Chart:
    """A chart of (label, value per series) columns, in the order given."""
    top = round_up(max((sum(values) for _, values in columns), default=0))
    drawn = [
        Column(label, sum(values), index * STEP, _parts(values, top))
        for index, (label, values) in enumerate(columns)
    ]
    return Chart(drawn, top)


def round_up(value: int) -> int:
    """The next even round number for the top of an axis."""
    power: int = 10 ** max(0, len(str(value)) - 1)
    return next(max(2, n * power) for n in ROUND if n * power >= value)


def _parts(values: Sequence[int], top: int) -> list[Part]:
    parts, y = [], HEIGHT
    for series, value in enumerate(values):
        height = value * HEIGHT / top
        y -= height
        if value:
            parts.append(Part(series, round(y, 2), round(height, 2)))
    return parts

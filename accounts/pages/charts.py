"""The geometry of a stacked bar chart; the template draws it as SVG, the labels around it are text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

HEIGHT: Final = 100.0
STEP: Final = 10.0  # the width of a column with its gap; the browser stretches it
GAP: Final = 2.4
ROUND: Final = (1, 2, 4, 5, 8, 10)
Number = int | Decimal


class Bar(NamedTuple):
    """A value for each series; negative ones hang from the line of nothing. `mark` is a class of CSS.

    `low` and `high` bound the whole where it is a guess.
    """

    label: str
    values: Sequence[Number]
    low: Number | None = None
    high: Number | None = None
    mark: str = ""

    @property
    def reach(self) -> tuple[Number, Number]:
        above = sum(value for value in self.values if value > 0)
        below = sum(value for value in self.values if value < 0)
        return min(below, self.low or 0), max(above, self.high or 0)


@dataclass(frozen=True, slots=True)
class Part:
    """One series' share of a column; `y` is its upper edge."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    total: Number
    x: float
    parts: list[Part]
    range: Part | None
    mark: str


@dataclass(frozen=True, slots=True)
class Chart:
    """From `bottom`, which is 0 unless something is negative, to `top`; `zero` is the height of 0."""

    columns: list[Column]
    top: Number
    bottom: Number
    zero: float

    width_of_column: float = STEP - GAP
    height: float = HEIGHT

    @property
    def width(self) -> float:
        return len(self.columns) * STEP - GAP

    @property
    def half(self) -> float | Decimal:
        return (self.top + self.bottom) / 2

    @property
    def middle(self) -> Column:
        return self.columns[len(self.columns) // 2]

    @property
    def last(self) -> Column:
        return self.columns[-1]


def stacked_bars(bars: Sequence[Bar]) -> Chart:
    """A chart of the bars, in the order given."""
    reaches = [bar.reach for bar in bars]
    top = round_up(max((high for _, high in reaches), default=0))
    lowest = min((low for low, _ in reaches), default=0)
    bottom = -round_up(-lowest) if lowest < 0 else 0
    scale = _Scale(float(top), float(bottom))
    drawn = [scale.column(index * STEP, bar) for index, bar in enumerate(bars)]
    return Chart(drawn, top, bottom, scale.y(0))


def round_up(value: Number) -> Number:
    """The next even round number for the end of an axis."""
    if isinstance(value, int):
        power: int = 10 ** max(0, len(str(value)) - 1)
        return next(max(2, n * power) for n in ROUND if n * power >= value)
    place = value.adjusted()
    ends = (Decimal(n * 10**place) if place >= 0 else Decimal(n).scaleb(place) for n in ROUND)
    return next(end for end in ends if end >= value)


class _Scale(NamedTuple):
    top: float
    bottom: float

    def y(self, value: float) -> float:
        return round((self.top - value) * HEIGHT / (self.top - self.bottom), 2)

    def column(self, x: float, bar: Bar) -> Column:
        return Column(bar.label, sum(bar.values), x, list(self.parts(bar.values)), self.range(bar), bar.mark)

    def parts(self, values: Iterable[Number]) -> Iterable[Part]:
        above, below = 0.0, 0.0
        for series, number in enumerate(values):
            value = float(number)
            start = above if value > 0 else below
            above, below = above + max(value, 0), below + min(value, 0)
            if value:
                yield self.between(series, start, start + value)

    def range(self, bar: Bar) -> Part | None:
        if bar.low is None or bar.high is None:
            return None
        return self.between(0, float(bar.low), float(bar.high))

    def between(self, series: int, one: float, other: float) -> Part:
        upper = self.y(max(one, other))
        return Part(series, upper, round(self.y(min(one, other)) - upper, 2))

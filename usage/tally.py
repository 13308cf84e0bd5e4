"""Exact sums of events: how many, their costs by currency, and what their metrics add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, Self

from accounts.exact import EXACT, number_of


class Measure(NamedTuple):
    """Of one metric: in how many events it is a number, and their sum, least and greatest."""

    n: int
    sum: Decimal
    min: Decimal
    max: Decimal

    def plus(self, other: Sequence[Any]) -> "Measure":
        """Also with another that comes as a JSON list."""
        n, total, low, high = other
        return Measure(
            self.n + n,
            EXACT.add(self.sum, total),
            min(self.min, Decimal(low)),
            max(self.max, Decimal(high)),
        )


@dataclass(slots=True)
class Tally:
    count: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict)
    metrics: dict[str, Measure] = field(default_factory=dict)

    def add_event(self, currency: str, cost: Decimal | None, metrics: Any) -> None:
        """One event more; of its metrics those that are numbers."""
        measures = {}
        for name, value in metrics.items() if isinstance(metrics, dict) else ():
            number = number_of(value)
            if number is not None:
                measures[name] = (1, number, number, number)
        self.add(1, {} if cost is None else {currency: cost}, measures)

    def add(self, count: int, costs: Mapping[str, Any], metrics: Mapping[str, Sequence[Any]]) -> Self:
        """Sums that were made before, perhaps as read from JSON."""
        self.count += count
        for currency, cost in costs.items():
            self.costs[currency] = EXACT.add(self.costs.get(currency, Decimal(0)), cost)
        for name, measure in metrics.items():
            known = self.metrics.get(name)
            self.metrics[name] = known.plus(measure) if known else _measure(*measure)
        return self


def _measure(n: int, total: Any, low: Any, high: Any) -> Measure:
    return Measure(n, Decimal(total), Decimal(low), Decimal(high))

"""A meter's definition, read: which events, what of each, and what is made of it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count

from accounts.errors import ValidationFailed
from accounts.exact import quotient
from accounts.grammar import Filter
from accounts.sql import ExactMax, ExactMin, ExactSum, JsonNumber
from usage.filters import read_filter, read_property
from usage.models import Meter
from usage.sql import JSON_COLUMNS, ExactRank, Latest, PropertyText
from usage.tally import Tally

A = Meter.Aggregation
PER_EVENT: Final = "1"
TEXTS: Final = frozenset({A.COUNT, A.UNIQUE})


@dataclass(frozen=True, slots=True)
class Measure:
    """`value` is a property's path, None for one per event; `share` is the percentile over 100."""

    aggregation: str
    value: tuple[str, ...] | None
    share: Decimal
    filter: Filter

    @property
    def of_nothing(self) -> Decimal | None:
        return Decimal(0) if self.aggregation in {A.COUNT, A.SUM, A.UNIQUE} else None

    def expression(self) -> Any:
        """The value of an event in SQL, null when it has none; None for one per event."""
        if self.value is None:
            return None
        return PropertyText(self.value) if self.is_text else JsonNumber(*self.value)

    @property
    def is_text(self) -> bool:
        """Counted as texts; what is counted of metrics are numbers."""
        return self.aggregation in TEXTS and (self.value or ("",))[0] != "metrics"

    def aggregates(self) -> dict[str, Any]:
        """What to ask of events that carry the value as `it`; `result` makes the figure of it."""
        if self.value is None or self.aggregation == A.COUNT:
            return {"figure": Count("id")}
        if self.aggregation == A.AVG:
            return {"figure": ExactSum("it"), "n": Count("id")}
        if self.aggregation == A.PERCENTILE:
            return {"figure": ExactRank("it", self.share)}
        if self.aggregation == A.UNIQUE:
            return {"figure": Count("it", distinct=True)}
        return {"figure": _PLAIN[self.aggregation]("it")}

    def result(self, row: dict[str, Any]) -> Decimal:
        figure = Decimal(row["figure"])
        return quotient(figure, Decimal(row["n"])) if self.aggregation == A.AVG else figure

    @property
    def in_rollups(self) -> bool:
        """Whether sums by hour and day, with the least and greatest of each metric, give the figure."""
        if self.value is None:
            return True
        metric = self.value[0] == "metrics" and len(self.value) == 2
        return metric and self.aggregation in {A.COUNT, A.SUM, A.AVG, A.MIN, A.MAX}

    def of_tally(self, tally: Tally) -> Decimal | None:
        """The figure of events that were summed up; None when none of them has the value."""
        if self.value is None:
            return Decimal(tally.count)
        of = tally.metrics.get(self.value[1])
        if of is None:
            return None
        figures = {A.COUNT: Decimal(of.n), A.SUM: of.sum, A.MIN: of.min, A.MAX: of.max}
        return quotient(of.sum, Decimal(of.n)) if self.aggregation == A.AVG else figures[A(self.aggregation)]


_PLAIN: Final[dict[str, Any]] = {A.SUM: ExactSum, A.MIN: ExactMin, A.MAX: ExactMax, A.LATEST: Latest}


def measure_of(meter: Meter) -> Measure:
    """A meter's definition; ValidationFailed names the field that is wrong."""
    if (meter.percentile is not None) != (meter.aggregation == A.PERCENTILE):
        raise ValidationFailed.field("percentile", "give it with the aggregation percentile, and only then.")
    value = _value(meter)
    share = (meter.percentile or Decimal(100)) / 100
    return Measure(str(meter.aggregation), value, share, read_filter(meter.filter))


def _value(meter: Meter) -> tuple[str, ...] | None:
    if meter.value == PER_EVENT:
        if meter.aggregation not in {A.COUNT, A.SUM}:
            raise ValidationFailed.field("value", f"{meter.aggregation} needs a property, such as metrics.x.")
        return None
    names = read_property(meter.value, "value")
    if meter.aggregation not in TEXTS and names[0] not in JSON_COLUMNS:
        raise ValidationFailed.field("value", f"{meter.aggregation} needs a number, such as metrics.x.")
    return names

"""Values in force over time: what stands until the next event of its group says otherwise."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import F, Value

from accounts.errors import ValidationFailed
from accounts.exact import EXACT, quotient
from usage.sql import Latest

MOST_STEPS: Final = 1_000_000
TICK: Final = timedelta(microseconds=1)

Group = tuple[str | None, ...]


@dataclass(slots=True)
class Levels:
    """The integral of each group's value in each window, in microseconds; `standing` is what is in force."""

    edges: Sequence[datetime]
    most: int
    standing: dict[Group, tuple[datetime, Decimal]] = field(default_factory=dict)
    totals: dict[tuple[int, Group], Decimal] = field(default_factory=dict)

    def step(self, group: Group, moment: datetime, value: Decimal) -> None:
        self.settle(group, moment)
        self.standing[group] = (moment, value)

    def settle(self, group: Group, until: datetime) -> None:
        """Add what stood in the group up to a moment to the windows that it stood in."""
        since, value = self.standing.get(group, (until, Decimal(0)))
        window = bisect_right(self.edges, since)
        while since < until:
            stop = min(until, self.edges[window])
            area = EXACT.multiply(value, Decimal((stop - since) // TICK))
            self.totals[window, group] = EXACT.add(self.totals.get((window, group), Decimal(0)), area)
            since, window = stop, window + 1
        if len(self.totals) > self.most:
            raise ValidationFailed.field("group_by", f"more than {self.most} rows; ask for larger windows.")

    def averages(self) -> dict[tuple[int, Group], Decimal]:
        for group in self.standing:
            self.settle(group, self.edges[-1])
        lengths = [(end - start) // TICK for start, end in zip(self.edges, self.edges[1:], strict=False)]
        return {key: quotient(total, Decimal(lengths[key[0] - 1])) for key, total in self.totals.items()}


def time_weighted(
    events: Any, names: Sequence[str], edges: Sequence[datetime], most: int
) -> dict[tuple[int, Group], Decimal]:
    """Averages over time by window, from 1, and group, of events with the value `it` and group texts `names`.

    Errors: 400 more than `most` averages, or MOST_STEPS events between the edges.
    """
    levels = Levels(edges, most)
    # Without names `values` would be all columns, and each event a group of its own.
    before = events.filter(timestamp__lt=edges[0]).annotate(all=Value(1)).values("all", *names)
    for row in before.annotate(last=Latest("it")):
        if row["last"] is not None:
            levels.step(tuple(row[name] for name in names), edges[0], row["last"])
    within = events.filter(timestamp__gte=edges[0], timestamp__lt=edges[-1])
    steps = within.order_by("timestamp", "id").values_list("timestamp", F("it"), *names)
    for number, (moment, value, *group) in enumerate(steps[: MOST_STEPS + 1].iterator()):
        if number == MOST_STEPS:
            raise ValidationFailed.field("to", f"more than {MOST_STEPS} events; ask for less time.")
        levels.step(tuple(group), moment, value)
    return levels.averages()

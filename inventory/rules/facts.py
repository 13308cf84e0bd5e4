"""What is known of one resource when rules look at it."""

import dataclasses
from collections.abc import Mapping, Set
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from accounts.exact import EXACT, canonical, number_of, quotient
from inventory import reading
from inventory.kinds import Kind, is_attached, is_running, is_stopped, kind_of
from inventory.queries.fleet import Fleet
from inventory.queries.spends import Key, Spend
from inventory.queries.stock import Stock

ZERO = Decimal(0)


class Lacking(Exception):
    """A rule cannot judge without these: `utilization:cpu`, `details:size`, `costs` …"""

    def __init__(self, *names: str) -> None:
        super().__init__(", ".join(names))
        self.names = names


@dataclasses.dataclass(frozen=True, slots=True)
class Price:
    """What a resource costs on an average day. Without a bill it is what its source estimates."""

    daily: Decimal
    currency: str
    spend: Spend | None

    def document(self) -> dict[str, Any]:
        told = {
            "cost_daily": canonical(EXACT.quantize(self.daily, Decimal("1E-6"))),
            "currency": self.currency,
        }
        if self.spend is None:
            return {**told, "costs": "estimated by the resource's source"}
        return {**told, "costs_from": str(self.spend.first), "costs_before": str(self.spend.end)}


class Facts:
    """`spend` is None for a resource that no bill names; then what its source estimates counts.

    `since` is when its state or details were last told to change; `present` has what it was made of, if that
    is still there.
    """

    def __init__(
        self,
        resource: Stock,
        *,
        spend: Spend | None,
        since: datetime,
        present: Set[Key],
        fleet: Fleet,
        now: datetime,
    ) -> None:
        self.resource, self.fleet, self.present, self.now = resource, fleet, present, now
        self.kind = kind_of(resource.resource_type)
        self._spend, self._since = spend, since

    @property
    def key(self) -> Key:
        return self.resource.key

    @property
    def running(self) -> bool:
        return self.kind is Kind.MACHINE and is_running(self.resource.state)

    @property
    def stopped(self) -> bool:
        return self.kind is Kind.MACHINE and is_stopped(self.resource.provider, self.resource.state)

    @property
    def attached(self) -> bool:
        """Errors: Lacking."""
        found = is_attached(self.resource.state, self.resource.details.get("attached_to"))
        if found is None:
            raise Lacking("details:attached_to")
        return found

    def detail(self, name: str) -> str:
        """A detail that may be empty. Errors: Lacking."""
        if name not in self.resource.details:
            raise Lacking(f"details:{name}")
        return str(self.resource.details[name])

    def moment(self, name: str) -> datetime:
        """Errors: Lacking, also for what is no moment."""
        try:
            return reading.moment(self.detail(name))
        except reading.BadValue as error:
            raise Lacking(f"details:{name}") from error

    @cached_property
    def days_in_state(self) -> int:
        """For how many days its state, or what it is attached to, is as it is."""
        told = "state_since" in self.resource.details
        return (self.now - (self.moment("state_since") if told else self._since)).days

    @property
    def age_days(self) -> int:
        return (self.now - self.resource.created_at).days

    def figure(self, name: str) -> Decimal:
        """Errors: Lacking."""
        found = number_of(self.resource.utilization.get(name))
        if found is None:
            raise Lacking(f"utilization:{name}")
        return found

    def below(self, limits: Mapping[str, Decimal]) -> bool:
        """Whether all figures are below their limits; one that is not decides alone. Errors: Lacking."""
        lacking: list[str] = []
        for name, limit in limits.items():
            try:
                if self.figure(name) >= limit:
                    return False
            except Lacking as lack:
                lacking += lack.names
        if lacking:
            raise Lacking(*lacking)
        return True

    def measured(self, days: Decimal, coverage: Decimal) -> None:
        """Errors: Lacking, when the figures are of fewer days or of too small a part of them."""
        if self.figure("days") < days:
            raise Lacking(f"utilization:days of {canonical(days)}")
        if self.figure("coverage") < coverage:
            raise Lacking(f"utilization:coverage of {canonical(coverage)} %")

    def price(self) -> Price | None:
        """What it costs now; None when that is nothing. Errors: Lacking."""
        found = self._price
        if found is None:
            raise Lacking("costs")
        return found if found.daily > 0 else None

    @cached_property
    def _price(self) -> Price | None:
        if self._spend is not None:
            return Price(self._spend.daily, self._spend.currency, self._spend)
        daily = self._estimate()
        return None if daily is None else Price(daily, self.resource.currency, None)

    def _estimate(self) -> Decimal | None:
        daily = self.resource.cost_daily
        if daily is None and self.resource.cost_monthly is not None:
            daily = quotient(EXACT.multiply(self.resource.cost_monthly, Decimal(12)), Decimal(365))
        return daily

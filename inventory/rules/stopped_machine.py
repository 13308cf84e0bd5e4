from decimal import Decimal

from inventory.kinds import Kind
from inventory.queries.spends import monthly
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import ZERO, Facts, Lacking, Price


class StoppedMachine(ResourceRule):
    """A machine that is off for long while it, or its disks, go on costing."""

    key = "stopped_machine"
    title = "Stopped machine with paid disks"
    recommendation_type = "cleanup"
    risk = Level.HIGH
    kinds = frozenset({Kind.MACHINE})
    inputs = ("state", "details:state_since or the history", "details:attached_to of its disks", "costs")
    basis = "spend"
    actions = ("Keep a snapshot of its disks", "Delete the machine and its disks")
    defaults = {"days": Decimal(30)}

    def judge(self, facts: Facts) -> Finding | None:
        if not facts.stopped or facts.days_in_state < self.limits["days"]:
            return None
        parts = [price for price in (self._own(facts), *self._disks(facts)) if price is not None]
        if not parts:
            return None
        currency = parts[0].currency
        daily = sum((part.daily for part in parts if part.currency == currency), ZERO)
        disks = [name for _, name in facts.fleet.disks.get(facts.key, ())]
        told = f"It is stopped for {facts.days_in_state} days, and with {len(disks)} disks it still costs."
        evidence = {**parts[0].document(), "cost_daily": str(round(daily, 6)), "disks": disks}
        return Finding(
            told,
            evidence | {"days": facts.days_in_state},
            monthly(daily),
            currency=currency,
            basis=self.basis,
        )

    def _own(self, facts: Facts) -> Price | None:
        """What it is billed itself; an estimate of its source is of a machine that runs."""
        try:
            price = facts.price()
        except Lacking:
            price = None
        if price is None or price.spend is not None:
            return price
        return None

    def _disks(self, facts: Facts) -> list[Price]:
        found = []
        for key in facts.fleet.disks.get(facts.key, ()):
            spend = facts.fleet.disk_spends.get(key)
            if spend is not None and spend.cost > 0:
                found.append(Price(spend.daily, spend.currency, spend))
        return found

from decimal import Decimal

from accounts.exact import canonical
from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts


class IdleMachine(ResourceRule):
    """A machine that runs and does nothing."""

    key = "idle_machine"
    title = "Idle machine"
    recommendation_type = "cleanup"
    risk = Level.MEDIUM
    kinds = frozenset({Kind.MACHINE})
    inputs = (
        "state", "utilization:cpu", "utilization:cpu_max", "utilization:network", "utilization:days",
        "utilization:coverage", "costs",
    )  # fmt: skip
    basis = "spend"
    actions = ("Stop the machine", "Delete it when nobody misses it")
    defaults = {
        "days": Decimal(14),
        "coverage": Decimal(90),
        "cpu": Decimal(5),
        "cpu_max": Decimal(15),
        "network": Decimal(1000),
    }

    def judge(self, facts: Facts) -> Finding | None:
        names = ("cpu", "cpu_max", "network")
        if not facts.running or not facts.below({name: self.limits[name] for name in names}):
            return None
        facts.measured(self.limits["days"], self.limits["coverage"])
        price = facts.price()
        if price is None:
            return None
        figures = {name: canonical(facts.figure(name)) for name in (*names, "days", "coverage")}
        told = (
            f"CPU was {figures['cpu']} % on average and {figures['cpu_max']} % at most, the network"
            f" {figures['network']} B/s, in {figures['days']} days."
        )
        return self.saving(price, Decimal(1), told, figures=figures)

from decimal import Decimal

from accounts.exact import canonical
from inventory.kinds import GONE, STOPPED, Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts


class IdleDatabase(ResourceRule):
    """A database that hardly anybody connects to."""

    key = "idle_database"
    title = "Idle database"
    recommendation_type = "cleanup"
    risk = Level.HIGH
    kinds = frozenset({Kind.DATABASE})
    inputs = (
        "state", "utilization:connections", "utilization:days", "utilization:coverage", "costs",
    )  # fmt: skip
    basis = "spend"
    actions = ("Keep a final snapshot", "Stop or delete the database")
    defaults = {"days": Decimal(14), "coverage": Decimal(90), "connections": Decimal(2)}

    def judge(self, facts: Facts) -> Finding | None:
        if facts.resource.state.lower() in STOPPED | GONE:
            return None
        connections = facts.figure("connections")
        if connections > self.limits["connections"]:
            return None
        facts.measured(self.limits["days"], self.limits["coverage"])
        price = facts.price()
        if price is None:
            return None
        figures = {name: canonical(facts.figure(name)) for name in ("connections", "days", "coverage")}
        told = f"It had {figures['connections']} connections a day in {figures['days']} days."
        return self.saving(price, Decimal(1), told, figures=figures)

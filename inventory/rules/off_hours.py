from decimal import Decimal

from accounts.exact import canonical
from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts

HOURS = Decimal(168)


class OffHours(ResourceRule):
    """A machine that could be off at night or at the weekend."""

    key = "off_hours"
    title = "Idle at night or at the weekend"
    recommendation_type = "scheduling"
    risk = Level.LOW
    kinds = frozenset({Kind.MACHINE})
    inputs = ("state", "utilization:idle_hours", "utilization:days", "utilization:coverage", "costs")
    basis = "spend by idle hours"
    actions = ("Stop it in its idle hours by a schedule",)
    defaults = {"days": Decimal(14), "coverage": Decimal(90), "idle_hours": Decimal(40)}

    def judge(self, facts: Facts) -> Finding | None:
        if not facts.running:
            return None
        idle = facts.figure("idle_hours")
        if idle < self.limits["idle_hours"]:
            return None
        facts.measured(self.limits["days"], self.limits["coverage"])
        price = facts.price()
        if price is None:
            return None
        share = min(idle, HOURS) / HOURS
        told = f"It is idle in {canonical(idle)} of the week's 168 hours."
        figures = {name: canonical(facts.figure(name)) for name in ("idle_hours", "days", "coverage")}
        return self.saving(price, share, told, Level.MEDIUM, figures=figures)

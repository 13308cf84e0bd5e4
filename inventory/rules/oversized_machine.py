from decimal import Decimal

from accounts.exact import canonical
from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts, Lacking
from inventory.sizes import smaller


class OversizedMachine(ResourceRule):
    """A machine whose work would fit into the next smaller size."""

    key = "oversized_machine"
    title = "Over-sized machine"
    recommendation_type = "rightsizing"
    risk = Level.MEDIUM
    kinds = frozenset({Kind.MACHINE})
    inputs = (
        "state", "details:size", "utilization:cpu_p99", "utilization:memory_p99", "utilization:days",
        "utilization:coverage", "costs",
    )  # fmt: skip
    basis = "price by processors"
    actions = ("Resize it to the next smaller size",)
    defaults = {"days": Decimal(14), "coverage": Decimal(90), "target": Decimal(80)}

    def judge(self, facts: Facts) -> Finding | None:
        if not facts.running:
            return None
        size = facts.detail("size")
        try:
            below = smaller(size)
        except KeyError as error:
            raise Lacking("details:size that is known") from error
        if below is None:
            return None
        most = self.limits["target"] * below.share
        if not facts.below({"cpu_p99": most, "memory_p99": most}):
            return None
        facts.measured(self.limits["days"], self.limits["coverage"])
        price = facts.price()
        if price is None:
            return None
        names = ("cpu_p99", "memory_p99", "days", "coverage")
        figures = {name: canonical(facts.figure(name)) for name in names}
        told = (
            f"99 % of the time CPU was at most {figures['cpu_p99']} % and memory {figures['memory_p99']} % of"
            f" {size}; {below.size} would do."
        )
        return self.saving(
            price, 1 - below.share, told, Level.MEDIUM, figures=figures, size=size, proposed=below.size
        )

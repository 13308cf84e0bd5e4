from decimal import Decimal

from accounts.exact import canonical, number_of
from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import ZERO, Facts, Lacking

FIGURES = ("healthy_targets", "requests")


class IdleBalancer(ResourceRule):
    """A load balancer without anything behind it, or without requests."""

    key = "idle_balancer"
    title = "Idle load balancer"
    recommendation_type = "cleanup"
    risk = Level.MEDIUM
    kinds = frozenset({Kind.BALANCER})
    inputs = (
        "utilization:healthy_targets", "utilization:requests", "utilization:days", "utilization:coverage",
        "costs",
    )  # fmt: skip
    basis = "spend"
    actions = ("Delete the load balancer",)
    defaults = {"days": Decimal(14), "coverage": Decimal(90)}

    def judge(self, facts: Facts) -> Finding | None:
        told = {name: number_of(facts.resource.utilization.get(name)) for name in FIGURES}
        if ZERO not in told.values():
            lacking = [f"utilization:{name}" for name, figure in told.items() if figure is None]
            if lacking and not told["requests"]:
                raise Lacking(*lacking)
            return None
        facts.measured(self.limits["days"], self.limits["coverage"])
        price = facts.price()
        if price is None:
            return None
        figures = {name: canonical(figure) for name, figure in told.items() if figure is not None}
        words = "Nothing healthy is behind it." if told["healthy_targets"] == 0 else "It gets no requests."
        return self.saving(price, Decimal(1), words, figures=figures)

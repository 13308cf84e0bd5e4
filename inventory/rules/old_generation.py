from decimal import Decimal

from inventory.generations import successor
from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts


class OldGeneration(ResourceRule):
    """A machine or volume of a family that a cheaper one came after."""

    key = "old_generation"
    title = "Old generation"
    recommendation_type = "rightsizing"
    risk = Level.LOW
    kinds = frozenset({Kind.MACHINE, Kind.VOLUME})
    inputs = ("details:size", "costs")
    basis = "list prices"
    actions = ("Change it to the newer family",)
    defaults = {"percent": Decimal(5)}

    def judge(self, facts: Facts) -> Finding | None:
        if self._beside_the_point(facts):
            return None
        size = facts.detail("size")
        newer = successor(facts.resource.provider, size)
        if newer is None or (1 - newer.share) * 100 < self.limits["percent"]:
            return None
        price = facts.price()
        if price is None:
            return None
        told = f"{newer.size} is {round((1 - newer.share) * 100, 1)} % cheaper than {size} at list prices."
        return self.saving(price, 1 - newer.share, told, Level.MEDIUM, size=size, proposed=newer.size)

    def _beside_the_point(self, facts: Facts) -> bool:
        """A machine that is off; a volume that goes with such a one, or that nothing uses."""
        if facts.kind is Kind.MACHINE:
            return not facts.running
        owner = facts.resource.provider, str(facts.resource.details.get("attached_to", ""))
        return owner in facts.fleet.stopped

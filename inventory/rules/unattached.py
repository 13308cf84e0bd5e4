"""What is kept though nothing uses it."""

from decimal import Decimal

from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts


class Unattached(ResourceRule):
    recommendation_type = "cleanup"
    inputs = ("state", "details:attached_to", "details:state_since or the history", "costs")
    basis = "spend"

    def judge(self, facts: Facts) -> Finding | None:
        if facts.attached or facts.days_in_state < self.limits["days"]:
            return None
        price = facts.price()
        if price is None:
            return None
        told = f"Nothing uses it for {facts.days_in_state} days."
        return self.saving(price, Decimal(1), told, days=facts.days_in_state, state=facts.resource.state)


class UnattachedVolume(Unattached):
    key = "unattached_volume"
    title = "Unattached volume"
    risk = Level.MEDIUM
    kinds = frozenset({Kind.VOLUME})
    actions = ("Keep a snapshot of it", "Delete the volume")
    defaults = {"days": Decimal(14)}


class UnusedAddress(Unattached):
    key = "unused_address"
    title = "Unused IP address"
    risk = Level.LOW
    kinds = frozenset({Kind.ADDRESS})
    actions = ("Release the address",)
    defaults = {"days": Decimal(7)}

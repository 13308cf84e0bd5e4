from decimal import Decimal

from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts, Lacking

SOURCES = (Kind.VOLUME, Kind.MACHINE, Kind.DATABASE)


class OrphanSnapshot(ResourceRule):
    """A snapshot or image of something that is no more."""

    key = "orphan_snapshot"
    title = "Orphan snapshot or image"
    recommendation_type = "cleanup"
    risk = Level.HIGH
    kinds = frozenset({Kind.SNAPSHOT, Kind.IMAGE})
    inputs = ("details:source", "details:state_since or the history", "the source itself", "costs")
    basis = "spend"
    actions = ("Make sure that nobody restores from it", "Delete it")
    defaults = {"days": Decimal(30)}

    def judge(self, facts: Facts) -> Finding | None:
        provider = facts.resource.provider
        source = facts.detail("source")
        if not source or (provider, source) in facts.present or facts.days_in_state < self.limits["days"]:
            return None
        if not any((provider, kind) in facts.fleet.kinds for kind in SOURCES):
            raise Lacking("the provider's volumes and machines")
        price = facts.price()
        if price is None:
            return None
        told = f"{source}, of which it was made, is not there any more."
        return self.saving(price, Decimal(1), told, source=source, days=facts.days_in_state)

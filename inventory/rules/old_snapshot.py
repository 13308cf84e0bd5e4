from decimal import Decimal

from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts, Lacking


class OldSnapshot(ResourceRule):
    """An old snapshot that is neither the newest of its volume nor kept by a backup policy."""

    key = "old_snapshot"
    title = "Old snapshot"
    recommendation_type = "cleanup"
    risk = Level.MEDIUM
    kinds = frozenset({Kind.SNAPSHOT})
    inputs = ("created_at", "details:source", "details:backup_policy", "costs")
    basis = "spend"
    actions = ("Delete the snapshot",)
    defaults = {"days": Decimal(90)}

    def judge(self, facts: Facts) -> Finding | None:
        if facts.age_days < self.limits["days"] or facts.resource.details.get("backup_policy"):
            return None
        source = facts.resource.details.get("source")
        newest = facts.fleet.latest.get((facts.resource.provider, str(source)))
        if newest and newest[1] == facts.resource.resource_id:
            return None
        lacking = [
            f"details:{name}" for name in ("source", "backup_policy") if name not in facts.resource.details
        ]
        if lacking or not newest:
            raise Lacking(*lacking or ["details:source"])
        price = facts.price()
        if price is None:
            return None
        told = f"It is {facts.age_days} days old, and {newest[1]} of the same volume is newer."
        return self.saving(price, Decimal(1), told, age_days=facts.age_days, source=source, newest=newest[1])

"""What nobody can be asked about."""

from decimal import Decimal
from typing import ClassVar

from accounts.exact import canonical
from inventory.kinds import Kind
from inventory.queries.spends import monthly
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts


class Untagged(ResourceRule):
    """A resource that costs and lacks tags that the tenant requires."""

    key = "untagged"
    title = "Untagged spend"
    recommendation_type = "governance"
    risk = Level.LOW
    kinds = frozenset(Kind)
    inputs: ClassVar[tuple[str, ...]] = ("tags", "costs")
    actions = ("Set the tags that are missing",)
    defaults = {"keys": ["env", "team"], "minimum": Decimal(1)}

    def judge(self, facts: Facts) -> Finding | None:
        there = {key.lower() for key, value in facts.resource.tags.items() if value != ""}
        lacking = [key for key in self.limits["keys"] if key.lower() not in there]
        return self.governed(facts, f"It has no tag {', '.join(lacking)}.", lacking) if lacking else None

    def governed(self, facts: Facts, told: str, lacking: list[str]) -> Finding | None:
        price = facts.price()
        if price is None or monthly(price.daily) < self.limits["minimum"]:
            return None
        at_stake = monthly(price.daily)
        evidence = {**price.document(), "cost_monthly": canonical(at_stake), "lacking": lacking}
        return Finding(told, evidence, at_stake=at_stake, currency=price.currency)


class Ownerless(Untagged):
    """A resource that costs and names nobody who answers for it."""

    key = "no_owner"
    title = "No owner"
    inputs = ("tags", "details:owner", "costs")
    actions = ("Find out whose it is, and tag it",)
    defaults = {"keys": ["owner", "team", "contact"], "minimum": Decimal(10)}

    def judge(self, facts: Facts) -> Finding | None:
        there = {key.lower() for key, value in facts.resource.tags.items() if value != ""}
        if facts.resource.details.get("owner") or any(key.lower() in there for key in self.limits["keys"]):
            return None
        return self.governed(facts, "Nobody is named who answers for it.", list(self.limits["keys"]))

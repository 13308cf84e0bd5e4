from decimal import Decimal

from inventory.kinds import Kind
from inventory.queries.spends import monthly
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import Facts


class RegionOutlier(ResourceRule):
    """A resource in a region where the tenant has hardly anything else of this provider."""

    key = "region_outlier"
    title = "Lonely region"
    recommendation_type = "governance"
    risk = Level.LOW
    kinds = frozenset(Kind) - {Kind.COMMITMENT}
    inputs = ("region", "costs")
    actions = ("Make sure that it is meant to be there",)
    defaults = {"percent": Decimal(1), "resources": Decimal(100)}

    def judge(self, facts: Facts) -> Finding | None:
        provider, region = facts.resource.provider, facts.resource.region
        total = facts.fleet.of_provider[provider]
        there = facts.fleet.of_region[provider, region]
        if total < self.limits["resources"] or there * 100 > total * self.limits["percent"]:
            return None
        price = facts.price()
        if price is None:
            return None
        told = f"{there} of {total} resources of {provider} are in {region or 'no region'}."
        evidence = {**price.document(), "region": region, "there": there, "total": total}
        return Finding(told, evidence, at_stake=monthly(price.daily), currency=price.currency)

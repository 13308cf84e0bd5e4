from datetime import timedelta
from decimal import Decimal

from accounts.exact import canonical
from inventory.kinds import Kind
from inventory.rules.base import Finding, Level, ResourceRule
from inventory.rules.facts import ZERO, Facts


class CommitmentExpiring(ResourceRule):
    """A reservation or savings plan that ends soon, and what it saves today."""

    key = "commitment_expiring"
    title = "Commitment that ends soon"
    recommendation_type = "commitment"
    risk = Level.LOW
    kinds = frozenset({Kind.COMMITMENT})
    inputs = ("details:expires_at", "costs of what it covers")
    actions = ("Decide whether to renew it",)
    defaults = {"days": Decimal(30)}

    def judge(self, facts: Facts) -> Finding | None:
        expires = facts.moment("expires_at")
        if not facts.now < expires <= facts.now + timedelta(days=int(self.limits["days"])):
            return None
        covered = facts.fleet.commitments.get(facts.key)
        saves = max(covered.saves_monthly, ZERO) if covered else ZERO
        told = f"It ends on {expires:%Y-%m-%d}."
        evidence = {"expires_at": expires.isoformat(), "saves_monthly": canonical(saves)}
        currency = covered.currency if covered else facts.resource.currency
        return Finding(told, evidence, at_stake=saves, currency=currency)

"""What every rule is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final, NamedTuple

from accounts.models import Tenant
from inventory.kinds import Kind
from inventory.models import Recommendation
from inventory.queries.spends import monthly
from inventory.rules.facts import Facts, Price

Level = Recommendation.Level
Priority = Recommendation.Priority
Thresholds = Mapping[str, Any]  # Decimals and lists of texts
ZERO: Final = Decimal(0)
# By what is saved in a month, in its own currency.
BANDS: Final = (
    (Decimal(1000), Priority.CRITICAL),
    (Decimal(200), Priority.HIGH),
    (Decimal(20), Priority.MEDIUM),
)


class Finding(NamedTuple):
    """What a rule says of a subject. `at_stake` is what a month costs where nothing is saved."""

    description: str
    evidence: dict[str, Any]
    saving: Decimal = ZERO
    at_stake: Decimal = ZERO
    currency: str = ""
    basis: str = ""
    confidence: str = Level.HIGH.value


class Rule(ABC):
    """`inputs` are what it reads of a resource, `basis` is what its saving is reckoned from."""

    key: ClassVar[str]
    title: ClassVar[str]
    recommendation_type: ClassVar[str]
    risk: ClassVar[Level]
    inputs: ClassVar[tuple[str, ...]]
    basis: ClassVar[str] = ""
    actions: ClassVar[tuple[str, ...]]
    defaults: ClassVar[Thresholds] = {}

    def __init__(self, thresholds: Thresholds) -> None:
        self.limits: Thresholds = {**self.defaults, **thresholds}

    def priority(self, finding: Finding) -> Priority:
        """By what is saved, one step lower when the risk is high; by half of what is at stake without."""
        amount = finding.saving or finding.at_stake / 2
        found = next((priority for least, priority in BANDS if amount >= least), Priority.LOW)
        steps = list(Priority)
        return steps[max(steps.index(found) - (self.risk == Level.HIGH), 0)]


class ResourceRule(Rule):
    """Judges one resource by itself, if it is of these kinds."""

    kinds: ClassVar[frozenset[Kind]]

    @abstractmethod
    def judge(self, facts: Facts) -> Finding | None:
        """None: all is well, or the rule is not about such a thing. Errors: Lacking."""

    def saving(
        self,
        price: Price,
        share: Decimal,
        description: str,
        confidence: str = Level.HIGH.value,
        **evidence: Any,
    ) -> Finding:
        """A finding that saves this share of what the resource costs."""
        return Finding(
            description,
            {**evidence, **price.document()},
            saving=monthly(price.daily * share),
            currency=price.currency,
            basis=self.basis,
            confidence=confidence if price.spend else Level.LOW.value,
        )


class Verdict(NamedTuple):
    """Of a rule about something that is no resource; `name` tells it within the tenant."""

    provider: str
    name: str
    finding: Finding | None
    missing: tuple[str, ...] = ()


class TenantRule(Rule):
    """Judges what a tenant pays for as a whole."""

    @abstractmethod
    def verdicts(self, tenant: Tenant, through: date) -> Iterator[Verdict]:
        """All that it finds or cannot judge, by the costs up to the last complete day."""

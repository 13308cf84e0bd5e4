"""A month's usage and the price rules in force, made into the lines of its bill. Pure: no database, no clock.

A line is one rule for one service, provider and model. Rules with the same scope and unit that follow
each other in a month are one price that changed: the later one goes on counting where the earlier
stopped, so no tier, package or flat fee starts anew, and the minimum is held against both together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from accounts.exact import EXACT, canonical
from usage.pricing import ZERO, Step, Terms, charge, rounded, total

EVENTS: Final = "events"
AS_SENT: Final = "as_sent"
Costs = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Rule:
    """A price in force from `valid_from` until before `valid_until`; an empty selector takes any value."""

    id: str
    service_type: str
    service_provider: str
    model_or_tier: str
    event_type: str
    unit: str
    currency: str
    terms: Terms
    minimum: Decimal
    valid_from: datetime
    valid_until: datetime | None

    @property
    def scope(self) -> tuple[str, ...]:
        return self.service_type, self.service_provider, self.model_or_tier, self.event_type, self.unit

    @property
    def specificity(self) -> tuple[bool, bool, bool]:
        """A rule that names the model goes before one that names the provider, that before an event type."""
        return bool(self.model_or_tier), bool(self.service_provider), bool(self.event_type)

    def covers(self, use: "Usage") -> bool:
        return (
            self.service_type == use.service_type
            and self.service_provider in ("", use.service_provider)
            and self.model_or_tier in ("", use.model)
            and self.event_type in ("", use.event_type)
            and self.valid_from <= use.start
            and (self.valid_until is None or use.end <= self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """Events of one kind from `start` until before `end`: how many, their metrics' sums, the senders' costs.

    No rule begins or ends between `start` and `end`. A metric that no event had is absent.
    """

    start: datetime
    end: datetime
    service_type: str
    service_provider: str
    model: str
    event_type: str
    count: int
    metrics: dict[str, Decimal]
    costs: Costs

    def quantity(self, unit: str) -> Decimal | None:
        return Decimal(self.count) if unit == EVENTS else self.metrics.get(unit)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `amount` is `unrounded` to the currency's minor unit.

    `explanation` holds `before` (units charged earlier in the month), `steps` (units at a rate) and `minimum`
    (what was added to reach it). `billed_by_sender` is what the senders billed for the same events, by
    currency: the lines of two units of one service repeat it.
    """

    rule_id: str
    service_type: str
    service_provider: str
    model: str
    unit: str
    scheme: str
    starts_at: datetime
    ends_at: datetime
    quantity: Decimal
    unrounded: Decimal
    amount: Decimal
    currency: str
    explanation: dict[str, Any]
    billed_by_sender: dict[str, str]


@dataclass(slots=True)
class _Sum:
    quantity: Decimal = ZERO
    costs: Costs = field(default_factory=lambda: defaultdict(lambda: ZERO))

    def add(self, quantity: Decimal, costs: Costs) -> None:
        self.quantity = EXACT.add(self.quantity, quantity)
        for currency, cost in costs.items():
            self.costs[currency] = EXACT.add(self.costs[currency], cost)


Service = tuple[str, str, str]  # type, provider, model


def bill(
    *, rules: Iterable[Rule], usage: Iterable[Usage], start: datetime, end: datetime, currency: str
) -> list[Line]:
    """The lines of a month, in a fixed order. `currency` is that of usage without a price or a cost."""
    known = list(rules)
    priced: dict[tuple[Rule, Service], _Sum] = defaultdict(_Sum)
    as_sent: dict[Service, _Sum] = defaultdict(_Sum)
    for use in usage:
        service = (use.service_type, use.service_provider, use.model)
        found = list(priced_quantities(known, use))
        for rule, quantity in found:
            priced[rule, service].add(quantity, use.costs)
        if not found:
            as_sent[service].add(Decimal(use.count), use.costs)
    chains: dict[tuple[Any, ...], list[tuple[Rule, _Sum]]] = defaultdict(list)
    for (rule, service), sums in priced.items():
        chains[service, rule.scope, rule.currency].append((rule, sums))
    lines = [line for key, chain in chains.items() for line in _chain_lines(key[0], chain, start, end)]
    for service, sums in as_sent.items():
        lines += _sent_lines(service, sums, start, end, currency)
    return sorted(lines, key=_place)


def totals(lines: Iterable[Any]) -> dict[str, str]:
    """The sum of the lines' rounded amounts in each currency, as texts with all their digits."""
    sums: Costs = defaultdict(lambda: ZERO)
    for line in lines:
        sums[line.currency] = EXACT.add(sums[line.currency], line.amount)
    return {currency: str(rounded(amount, currency)) for currency, amount in sorted(sums.items())}


def priced_quantities(rules: list[Rule], use: Usage) -> Iterator[tuple[Rule, Decimal]]:
    """For each unit the most specific rule that covers the usage, when the usage has that unit."""
    best: dict[str, Rule] = {}
    for rule in sorted((rule for rule in rules if rule.covers(use)), key=lambda rule: rule.specificity):
        best[rule.unit] = rule
    for unit, rule in best.items():
        quantity = use.quantity(unit)
        if quantity is not None:
            yield rule, quantity


def _chain_lines(
    service: Service, chain: list[tuple[Rule, _Sum]], start: datetime, end: datetime
) -> Iterator[Line]:
    before, charged = ZERO, ZERO
    chain.sort(key=lambda link: link[0].valid_from)
    for rule, sums in chain:
        steps = charge(rule.terms, sums.quantity, before)
        amount = total(steps)
        charged = EXACT.add(charged, amount)
        used = EXACT.add(before, max(sums.quantity, ZERO))
        extra = ZERO
        if rule is chain[-1][0] and used:
            extra = max(EXACT.subtract(rule.minimum, charged), ZERO)
        yield _priced_line(service, rule, sums, (before, steps, extra), start, end)
        before = used


def _priced_line(
    service: Service,
    rule: Rule,
    sums: _Sum,
    priced: tuple[Decimal, list[Step], Decimal],
    start: datetime,
    end: datetime,
) -> Line:
    before, steps, extra = priced
    unrounded = EXACT.add(total(steps), extra)
    return Line(
        rule.id, *service, rule.unit, rule.terms.scheme.value,
        starts_at=max(start, rule.valid_from),
        ends_at=min(end, rule.valid_until or end),
        quantity=sums.quantity,
        unrounded=unrounded,
        amount=rounded(unrounded, rule.currency),
        currency=rule.currency,
        explanation={
            "before": canonical(before),
            "steps": [_told(step) for step in steps],
            "minimum": canonical(extra),
        },
        billed_by_sender=_texts(sums.costs),
    )  # fmt: skip


def _sent_lines(
    service: Service, sums: _Sum, start: datetime, end: datetime, currency: str
) -> Iterator[Line]:
    """Usage that no rule prices: a line for each currency that the senders billed in."""
    for sent_in, cost in (sums.costs or {currency: ZERO}).items():
        yield Line(
            "", *service, EVENTS, AS_SENT,
            starts_at=start,
            ends_at=end,
            quantity=sums.quantity,
            unrounded=cost,
            amount=rounded(cost, sent_in),
            currency=sent_in,
            explanation={},
            billed_by_sender=_texts(sums.costs),
        )  # fmt: skip


def _told(step: Step) -> dict[str, str | None]:
    return {
        "units": canonical(step.units),
        "rate": canonical(step.rate),
        "amount": canonical(step.amount),
        "up_to": None if step.up_to is None else canonical(step.up_to),
    }


def _texts(costs: Costs) -> dict[str, str]:
    return {currency: canonical(cost) for currency, cost in sorted(costs.items())}


def _place(line: Line) -> tuple[Any, ...]:
    service = (line.service_type, line.service_provider, line.model)
    return *service, line.unit, line.starts_at, line.rule_id, line.currency

"""Whose costs are whose: what products own, and what rules of showback share out. Nothing is ever lost."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Case, CharField, Value, When

from accounts.exact import EXACT
from accounts.models import Tenant
from accounts.principals import Principal
from inventory.allocation import split
from inventory.filters import filter_q, read_filter
from inventory.models import AllocationRule, AllocationTarget
from inventory.queries.analytics import converted_groups
from inventory.queries.costs import lines_between
from inventory.queries.dimensions import Dimension
from inventory.queries.folders import Parents, chain, folder_paths, levels_of, parents_of, products_seen
from inventory.queries.owners import charge_properties, owner_labels
from inventory.queries.rates import Rates
from inventory.queries.spans import Span
from inventory.queries.sums import ZERO

FULL: Final = Decimal(100)
Owner = tuple[UUID, UUID | None] | None  # folder and product; None: nobody
Amounts = dict[tuple[Owner, str], Decimal]


class Row(NamedTuple):
    """What a product, or a folder as such, costs in one currency: its own, and its part of what is shared."""

    folder_id: UUID
    folder: str
    product_id: UUID | None
    product: str
    currency: str
    direct: Decimal
    shared: Decimal

    @property
    def total(self) -> Decimal:
        return EXACT.add(self.direct, self.shared)


class Taken(NamedTuple):
    """What a rule took in one currency."""

    rule: AllocationRule
    currency: str
    amount: Decimal


class Showback(NamedTuple):
    """By currency: `totals` are exactly the sums of `rows` and `unallocated`."""

    rows: list[Row]
    unallocated: dict[str, Decimal]
    totals: dict[str, Decimal]
    taken: list[Taken]
    missing_rates: list[str]


def showback(*, by: Principal, span: Span, cost: str = "effective", currency: str | None = None) -> Showback:
    """The costs of a span by product and folder, as the caller may see them.

    A guest's rows are those of their folders and the totals those of the rows: to whom else costs went they
    do not learn. With a currency all is converted into it, as far as there are rates.
    """
    tenant = by.home.whole()
    rates = Rates(tenant, currency) if currency else None
    rules = rules_of(tenant)
    owned, caught = _sums(tenant, span, cost, rates, rules)
    direct, shared = _allocated(rules, owned, caught, parents_of(tenant))
    seen = levels_of(by)
    rows = [row for row in _rows(by.home, direct, shared) if row.folder_id in seen]
    unallocated = _of_nobody(direct, shared) if by.home.guest is None else {}
    totals: defaultdict[str, Decimal] = defaultdict(Decimal, unallocated)
    for row in rows:
        totals[row.currency] = EXACT.add(totals[row.currency], row.total)
    taken = [Taken(rule, *told) for rule in rules for told in sorted(caught[rule.pk].items())]
    return Showback(
        rows=rows,
        unallocated=unallocated,
        totals=dict(sorted(totals.items())),
        taken=taken if by.home.guest is None else [],
        missing_rates=sorted(rates.missing & totals.keys()) if rates else [],
    )


def rules_of(tenant: Tenant) -> list[AllocationRule]:
    """The active rules, in the order in which they are asked."""
    rules = AllocationRule.objects.filter(tenant=tenant, is_active=True).order_by("priority", "pk")
    return list(rules.prefetch_related("targets__product"))


def _sums(
    tenant: Tenant, span: Span, cost: str, rates: Rates | None, rules: Sequence[AllocationRule]
) -> tuple[Amounts, dict[UUID, dict[str, Decimal]]]:
    """What owners have without any rule, and what each rule takes, by currency."""
    known = charge_properties(tenant)
    whens = (
        When(filter_q(read_filter(rule.filter, known), known), then=Value(str(rule.pk))) for rule in rules
    )
    rule_of = Case(*whens, default=Value(""), output_field=CharField())
    dimensions = [Dimension("rule", rule_of), Dimension("product", None)]
    folders = dict(products_seen(tenant).values_list("pk", "folder_id"))
    owners = {label: (folders[pk], pk) for pk, label in owner_labels(tenant, "product").items()}
    owned: Amounts = defaultdict(Decimal)
    caught: dict[UUID, dict[str, Decimal]] = {rule.pk: defaultdict(Decimal) for rule in rules}
    for ((rule, product), money), sums in converted_groups(
        tenant, lines_between(tenant, span), dimensions, rates
    ):
        amount: Decimal = getattr(sums, cost) or ZERO
        if rule:
            caught[UUID(rule)][money] = EXACT.add(caught[UUID(rule)][money], amount)
        else:
            _add(owned, owners.get(product), money, amount)
    return owned, caught


def _allocated(
    rules: Sequence[AllocationRule], owned: Amounts, caught: dict[UUID, dict[str, Decimal]], parents: Parents
) -> tuple[Amounts, Amounts]:
    """What is everybody's own, that of rules with one target and no shares included, and their parts."""
    direct: Amounts = defaultdict(Decimal, owned)
    shared: Amounts = defaultdict(Decimal)
    several: list[AllocationRule] = []
    for rule in rules:
        targets = list(rule.targets.all())
        if len(targets) > 1 or rule.method == AllocationRule.Method.FIXED:
            several.append(rule)
            continue
        for money, amount in caught[rule.pk].items():
            _add(direct, _owner(targets[0]), money, amount)
    for rule in several:
        targets = list(rule.targets.all())
        for money, amount in caught[rule.pk].items():
            weights = _weights(rule, targets, money, direct, parents)
            owners = [*map(_owner, targets), None]
            for owner, part in zip(owners, split(amount, weights), strict=True):
                _add(shared, owner, money, part)
    return direct, shared


def _weights(
    rule: AllocationRule,
    targets: Sequence[AllocationTarget],
    money: str,
    direct: Amounts,
    parents: Parents,
) -> list[Decimal]:
    """One for each target, and at last that of nobody.

    In proportion to what targets have of their own, where that is above 0; evenly where none has anything.
    """
    if rule.method == AllocationRule.Method.FIXED:
        shares = [target.share or ZERO for target in targets]
        return [*shares, FULL - sum(shares)]
    own = [max(ZERO, _own(target, money, direct, parents)) for target in targets]
    if rule.method == AllocationRule.Method.EVEN or not any(own):
        own = [Decimal(1)] * len(targets)
    return [*own, ZERO]


def _own(target: AllocationTarget, money: str, direct: Amounts, parents: Parents) -> Decimal:
    """A folder has what all below it have."""
    found = ZERO
    for (owner, currency), amount in direct.items():
        if owner is None or currency != money:
            continue
        folder, product = owner
        if target.product_id:
            mine = product == target.product_id
        else:
            mine = target.folder_id in chain(folder, parents)
        found = EXACT.add(found, amount) if mine else found
    return found


def _owner(target: AllocationTarget) -> Owner:
    if target.product is not None:
        return target.product.folder_id, target.product.pk
    return (target.folder_id, None) if target.folder_id else None


def _rows(tenant: Tenant, direct: Amounts, shared: Amounts) -> Iterator[Row]:
    """By path, in the order of the tree's names."""
    folders, products = folder_paths(tenant), owner_labels(tenant, "product")
    keys = {key for key in (*direct, *shared) if key[0] is not None and key[0][0] in folders}
    named = [
        Row(
            owner[0], folders[owner[0]], owner[1], products[owner[1]] if owner[1] else "", money,
            direct.get((owner, money), ZERO), shared.get((owner, money), ZERO),
        )
        for owner, money in keys if owner is not None
    ]  # fmt: skip
    yield from sorted(named, key=lambda row: (row.folder, row.product, row.currency))


def _of_nobody(direct: Amounts, shared: Amounts) -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for amounts in (direct, shared):
        for (owner, money), amount in amounts.items():
            if owner is None:
                found[money] = EXACT.add(found[money], amount)
    return dict(sorted(found.items()))


def _add(amounts: Amounts, owner: Owner, money: str, amount: Decimal) -> None:
    amounts[owner, money] = EXACT.add(amounts[owner, money], amount)

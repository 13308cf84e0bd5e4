"""Lines of bills added up: first by charge, of which there are few, and only then by what charges say."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Coalesce, TruncMonth

from accounts.errors import ValidationFailed
from accounts.exact import EXACT
from accounts.kept import kept
from accounts.models import Tenant
from accounts.replica import heavy_reads, reading
from accounts.sql import ExactSum
from inventory.models import Charge, CostLine
from inventory.queries.dimensions import OWNERS, UNALLOCATED, Dimension
from inventory.queries.owners import charge_owner, owner_labels

ZERO: Final = Decimal(0)
MOST_GROUPS: Final = 200_000  # all of them are in memory, each some 1,500 bytes
COSTS: Final = ("billed", "effective", "list", "contracted")
# Bought ahead: its list cost is told once more by the lines that it covers.
_COVERS: Final = Q(charge_category=Charge.Category.PURCHASE) & ~Q(commitment_discount_id="")


class Sums(NamedTuple):
    """Sums over lines. A cost that no line told is None.

    The last three are of the lines that may save: what they would have cost at list prices, at those of the
    contract, and what they did. Where a price was not told the next one stands for it, so nothing is saved.
    """

    lines: int
    billed: Decimal | None
    effective: Decimal | None
    list: Decimal | None
    contracted: Decimal | None
    at_list: Decimal | None
    at_contract: Decimal | None
    at_last: Decimal | None

    def plus(self, other: "Sums") -> "Sums":
        pairs = zip(self[1:], other[1:], strict=True)
        return Sums(self.lines + other.lines, *(_plus(one, two) for one, two in pairs))

    def times(self, rate: Decimal) -> "Sums":
        amounts = (None if amount is None else EXACT.multiply(amount, rate) for amount in self[1:])
        return Sums(self.lines, *amounts)


NOTHING: Final = Sums(0, None, None, None, None, None, None, None)


class Group(NamedTuple):
    """`labels` are of the dimensions that are no part of the date, in their order; `day` begins the grain."""

    labels: tuple[str, ...]
    day: date | None
    currency: str
    sums: Sums


def cost_groups(
    tenant: Tenant, lines: QuerySet[CostLine], dimensions: Sequence[Dimension], grain: str | None
) -> Iterator[Group]:
    """What the lines cost by currency, the dimensions and `grain`: month, day or None.

    Of owners whose labels are the same, each is a group of its own. Sums are kept until the tenant's next
    deed, as all that changes them is one: an import, an owner's filter, a right. Errors: ValidationFailed,
    more than MOST_GROUPS.
    """
    try:
        inner, inner_values = _by_charge(lines, grain).query.sql_with_params()
        labels, label_values = _labels(tenant, dimensions).query.sql_with_params()
    except EmptyResultSet:  # such as those of a guest without products
        return
    names = [f"label_{place}" for place in range(len(dimensions))]
    keys = [*names, *(["part_day"] if grain else []), "part_currency"]
    add = ExactSum.sqlite if connection.vendor == "sqlite" else ExactSum.function
    sums = ["SUM(sum_lines)", *(f"{add}(sum_{cost})" for cost in COSTS)]
    saves = (*COSTS[1:], "unlisted", "uncontracted")
    sums += [f"{add}(CASE WHEN covers THEN NULL ELSE sum_{cost} END)" for cost in saves]
    sql = (
        f"SELECT {', '.join([*keys, *sums])} FROM ({inner}) AS parts"  # noqa: S608  (names of ours alone)
        f" JOIN ({labels}) AS labels ON labels.id = parts.part_charge GROUP BY {', '.join(keys)}"
        f" LIMIT {MOST_GROUPS + 1}"
    )
    owners = {place: owner_labels(tenant, dimension.name)
              for place, dimension in enumerate(dimensions) if dimension.name in OWNERS}  # fmt: skip
    values = (*inner_values, *label_values)
    rows = kept(tenant=tenant, name=f"{sql} {values}", make=lambda: _rows(sql, values))
    if len(rows) > MOST_GROUPS:
        told = "Group by less, or ask for less time or by a filter."
        raise ValidationFailed(f"These are more than {MOST_GROUPS:,} groups. {told}")
    for row in rows:
        group = _group(row, len(names), len(keys), grain)
        yield group._replace(labels=_named(group.labels, owners)) if owners else group


def _rows(sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with heavy_reads(), reading().cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _by_charge(lines: QuerySet[CostLine], grain: str | None) -> Any:
    day = F("cost_day__day")
    parts: dict[str, Any] = {"part_charge": F("charge_id"), "part_currency": F("currency")}
    if grain:
        parts["part_day"] = day if grain == "day" else TruncMonth(day)
    return (
        lines.order_by()
        .values(**parts)
        .annotate(
            sum_lines=Count("pk"),
            **{f"sum_{cost}": ExactSum(f"{cost}_cost") for cost in COSTS},
            sum_unlisted=ExactSum(Coalesce("contracted_cost", "effective_cost"), filter=Q(list_cost=None)),
            sum_uncontracted=ExactSum("effective_cost", filter=Q(contracted_cost=None)),
        )
    )


def _labels(tenant: Tenant, dimensions: Sequence[Dimension]) -> Any:
    charges = Charge.objects.for_tenant(tenant).order_by()
    labels = {
        f"label_{place}": charge_owner(tenant) if dimension.name in OWNERS else dimension.label
        for place, dimension in enumerate(dimensions)
    }
    return charges.annotate(covers=_COVERS, **labels).values("id", "covers", *labels)


def _named(labels: Sequence[Any], owners: Mapping[int, Mapping[UUID, str]]) -> tuple[str, ...]:
    """With the names of products and folders instead of the products' ids."""
    return tuple(
        label if place not in owners
        else UNALLOCATED if label is None else owners[place].get(UUID(str(label)), UNALLOCATED)
        for place, label in enumerate(labels)
    )  # fmt: skip


def _group(row: Sequence[Any], labels: int, keys: int, grain: str | None) -> Group:
    day = date.fromisoformat(str(row[labels])[:10]) if grain else None
    amounts = [None if value is None else Decimal(value) for value in row[keys + 1 :]]
    at_last, at_list, at_contract, unlisted, uncontracted = amounts[len(COSTS) :]
    saving = (_plus(at_list, unlisted), _plus(at_contract, uncontracted), at_last)
    sums = Sums._make((int(row[keys]), *amounts[: len(COSTS)], *saving))
    return Group(tuple(row[:labels]), day, row[keys - 1], sums)


def _plus(one: Decimal | None, two: Decimal | None) -> Decimal | None:
    if one is None or two is None:
        return two if one is None else one
    return EXACT.add(one, two)

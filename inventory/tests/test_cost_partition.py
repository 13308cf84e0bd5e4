"""Whatever costs are grouped by, the parts are the whole; and in whatever order they came."""

from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Tenant
from inventory.models import CostDay, CostLine, ExchangeRate, Import
from inventory.queries.analytics import Analytics, cost_analytics
from inventory.queries.costs import live_lines
from inventory.queries.dimensions import read_dimensions
from inventory.queries.spans import Span
from inventory.queries.sums import NOTHING
from inventory.rows import CostRow
from inventory.services.costs import totals_of
from inventory.tests.bills import bill, load

NAMES: Final = ("service", "region", "account", "resource", "tag:env", "charge_category", "month", "day")
BUDGET: Final = settings(max_examples=8)
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=14)
maybe = st.none() | amounts
lines = st.lists(
    st.builds(
        bill,
        st.dates(date(2026, 1, 1), date(2026, 3, 31)),
        amounts,
        effective_cost=maybe,
        list_cost=maybe,
        contracted_cost=maybe,
        currency=st.sampled_from(["USD", "EUR", "JPY"]),
        service_name=st.sampled_from(["EC2", "S3"]),
        region=st.sampled_from(["", "unallocated", "eu"]),
        resource_id=st.sampled_from(["", "r"]),
        charge_category=st.sampled_from(["Usage", "Purchase"]),
        commitment_discount_id=st.sampled_from(["", "plan"]),
        tags=st.sampled_from([{}, {"env": "prod"}, {"env": True}, {"env": Decimal(1)}]),
    ),
    min_size=1,
    max_size=8,
)


def found(tenant: Tenant, names: list[str], **options: Any) -> Analytics:
    return cost_analytics(
        tenant=tenant, lines=live_lines(tenant), span=Span(None, None),
        dimensions=read_dimensions(names), **options,
    )  # fmt: skip


def empty(tenant: Tenant) -> None:
    Import.objects.for_tenant(tenant).update(sha256="")
    CostLine.objects.for_tenant(tenant).delete()
    CostDay.objects.for_tenant(tenant).delete()


@BUDGET
@given(
    rows=lines,
    names=st.lists(st.sampled_from(NAMES), unique=True, max_size=4),
    currency=st.sampled_from([None, "USD"]),
    limit=st.sampled_from([None, 1]),
)
def test_the_parts_are_the_whole(
    acme: Tenant, rows: list[CostRow], names: list[str], currency: str | None, limit: int | None
) -> None:
    empty(acme)
    ExchangeRate.objects.all().delete()
    ExchangeRate.objects.create(
        tenant=acme, currency="EUR", to_currency="USD", valid_from="2026-02-02", rate=Decimal("1.1")
    )
    load(acme, rows)
    whole = found(acme, names, currency=currency, limit=limit)
    plain = {part.currency: part.sums for part in found(acme, [], currency=currency).totals}
    assert {part.currency: part.sums for part in whole.totals} == plain
    ordered = sorted([*whole.parts, *whole.rest], key=lambda part: part.currency)
    for name, same in groupby(ordered, key=lambda part: part.currency):
        sums = NOTHING
        for part in same:
            sums = sums.plus(part.sums)
        assert sums == plain[name]
    if currency is None:
        billed = {name: sums.billed for name, sums in plain.items()}
        assert billed == totals_of(rows)


@BUDGET
@given(rows=lines, seed=st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(acme: Tenant, rows: list[CostRow], seed: Any) -> None:
    seen = []
    numbered = list(enumerate(rows))
    for turn in range(2):
        empty(acme)
        for number, row in numbered:
            load(acme, [row], source=f"{turn}-{number}")
        seen.append(found(acme, ["service", "tag:env", "month"]))
        seed.shuffle(numbered)
    assert seen[0].parts == seen[1].parts
    assert seen[0].totals == seen[1].totals

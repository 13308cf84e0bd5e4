"""What is bought ahead and not used up, what is steady and not bought ahead, and lonely regions."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
import time_machine

from accounts.models import Tenant
from inventory.models import RuleSetting
from inventory.rules.judging import Judge
from inventory.tests.bills import bill, load
from inventory.tests.test_recommending import NOW, THROUGH, billed, stock

COMPUTE: Final = {"service_category": "Compute", "pricing_category": "Standard"}
PLAN: Final = {"commitment_discount_id": "plan-1", "pricing_category": "Committed"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


def days(count: int, daily: Any, **fields: Any) -> list[Any]:
    return [bill(THROUGH - timedelta(days=n), daily, **fields) for n in range(count)]


def verdicts(tenant: Tenant) -> list[tuple[Any, ...]]:
    return [
        (one.rule.key, one.native_id, one.finding.saving if one.finding else one.missing)
        for one in Judge(tenant, NOW).of_tenant()
    ]


@pytest.mark.parametrize(
    ("used", "unused", "found"),
    [(9, 1, []), ("8.9", "1.1", [("commitment_unused", "plan-1", Decimal("33.458333"))]), (9, 0, [])],
)
def test_a_commitment_below_nine_tenths(acme: Tenant, used: Any, unused: Any, found: Any) -> None:
    load(
        acme,
        [
            *days(30, 0, effective_cost=Decimal(used), commitment_discount_status="Used", **PLAN),
            *days(30, 0, effective_cost=Decimal(unused), commitment_discount_status="Unused", **PLAN),
            *days(30, 500, charge_category="Purchase", **PLAN),
        ],
    )
    assert verdicts(acme) == found


def test_the_steady_part_is_what_nine_of_ten_days_reach(acme: Tenant, rival: Tenant) -> None:
    steady = days(60, 100, **COMPUTE)
    peak = days(6, 900, **COMPUTE)
    others = [*days(60, 70, service_category="Storage"), *days(60, 50, **{**COMPUTE, **PLAN})]
    load(acme, [*steady, *peak, *others])
    assert verdicts(acme) == [("commitment_coverage", "aws compute in USD", Decimal("821.25"))]
    load(acme, [*days(60, 100, **COMPUTE)[6:], *days(6, 1, **COMPUTE)])
    assert verdicts(acme)[0][2] == Decimal("821.25")  # a tenth of the days is below
    load(acme, [*days(60, 100, **COMPUTE)[7:], *days(7, 1, **COMPUTE)])
    assert verdicts(acme) == []
    load(rival, days(59, 100, **COMPUTE))
    assert verdicts(rival) == [("commitment_coverage", "aws compute in USD", ("costs of 60 days",))]


def test_currencies_and_providers_stay_apart(acme: Tenant) -> None:
    load(
        acme,
        [
            *days(60, 100, **COMPUTE), *days(60, 200, currency="EUR", **COMPUTE),
            *days(60, 300, provider="gcp", **COMPUTE),
        ],
    )  # fmt: skip
    assert [row[1:] for row in verdicts(acme)] == [
        ("aws compute in EUR", Decimal("1642.5")), ("aws compute in USD", Decimal("821.25")),
        ("gcp compute in USD", Decimal("2463.75")),
    ]  # fmt: skip


def test_a_lonely_region_is_one_of_a_hundred(acme: Tenant) -> None:
    stock(acme, *range(99), utilization={})
    stock(acme, 99, region="ap-southeast-2", utilization={})
    billed(acme, 99, days=2)

    def lonely() -> set[str]:
        chunks = list(Judge(acme, NOW).chunks())
        judged = [one for chunk in chunks for one in chunk.judged if one.finding]
        return {one.native_id for one in judged if one.rule.key == "region_outlier"}

    assert lonely() == {"i-99"}
    RuleSetting.objects.create(tenant=acme, rule="region_outlier", thresholds={"resources": 101})
    assert lonely() == set()

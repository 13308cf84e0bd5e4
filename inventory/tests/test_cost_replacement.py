"""A source tells a span of days anew: exactly these days are replaced, exactly once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from accounts.errors import ValidationFailed
from accounts.models import ActivityEntry, Tenant
from accounts.principals import SYSTEM
from inventory.models import CostDay, CostLine, Import
from inventory.queries.costs import live_lines
from inventory.rows import CostRow
from inventory.services.bulk import Sent, costs_bulk
from inventory.services.costs import cost_lines_replace
from inventory.tests.rows import cost

MARCH: Final = (date(2026, 3, 1), date(2026, 4, 1))


def row(day: int, amount: str, **fields: Any) -> CostRow:
    start = datetime(2026, 3, day, tzinfo=UTC)
    fixed = {"provider": "gcore", "service_name": "CDN", "currency": "EUR", "billing_account_id": "7"}
    return CostRow(
        charge_start=start,
        charge_end=start + timedelta(days=1),
        billed_cost=Decimal(amount),
        **{**fixed, **fields},
    )


def replace(tenant: Tenant, *rows: CostRow, span: tuple[date, date] = MARCH, source: str = "gcore") -> Import:
    start, end = span
    return cost_lines_replace(by=SYSTEM, tenant=tenant, source=source, start=start, end=end, rows=rows)


def told(tenant: Tenant) -> dict[int, Decimal]:
    lines = live_lines(tenant).filter(cost_day__source="gcore")
    return {day.day: amount for day, amount in lines.values_list("cost_day__day", "billed_cost")}


def test_only_the_days_of_the_span_are_replaced(acme: Tenant) -> None:
    replace(acme, row(1, "1"), row(2, "2"), row(3, "3"))
    run = replace(acme, row(2, "20"), span=(date(2026, 3, 2), date(2026, 3, 4)))
    assert told(acme) == {1: 1, 2: 20}  # of the 3rd it tells nothing any more
    assert (run.rows, run.inserted, run.removed, run.totals) == (1, 1, 2, {"EUR": Decimal(20)})
    line = CostLine.objects.get(billed_cost=20)
    assert (line.source_import, line.row_number, line.charge.cloud_account.account_id) == (run, 1, "7")  # type: ignore[union-attr]


def test_other_sources_and_tenants_are_left_alone(acme: Tenant, rival: Tenant) -> None:
    costs_bulk(by=SYSTEM.enter("acme"), sent=Sent([cost(cost_date="2026-03-01")]))
    replace(rival, row(1, "1"))
    replace(acme, row(1, "5"))
    replace(acme)
    assert told(acme) == {}
    assert told(rival) == {1: 1}
    assert live_lines(acme).count() == 1
    assert CostDay.objects.for_tenant(acme).count() == 1


def test_the_same_again_changes_nothing(acme: Tenant) -> None:
    first = replace(acme, row(1, "1"), row(1, "1"))
    assert replace(acme, row(1, "1.00"), row(1, "1")) == first
    assert (CostLine.objects.count(), ActivityEntry.objects.count()) == (2, 1)  # equal rows are two lines
    other = replace(acme, row(1, "2"))
    assert replace(acme, row(1, "1"), row(1, "1")) not in (first, other)
    assert CostLine.objects.count() == 2


def test_a_row_outside_the_span_is_refused(acme: Tenant) -> None:
    replace(acme, row(1, "1"))
    with pytest.raises(ValidationFailed, match="row 2"):
        replace(acme, row(2, "1"), row(4, "1"), span=(date(2026, 3, 1), date(2026, 3, 4)))
    assert told(acme) == {1: 1}


def test_two_bills_of_one_day_have_a_day_each(acme: Tenant) -> None:
    replace(acme, row(1, "1"), row(1, "2", billing_account_id="8"), row(1, "3", provider="aws"))
    assert CostDay.objects.count() == 3


def test_a_day_that_is_not_live_does_not_count(api: Any, acme: Tenant) -> None:
    replace(acme, row(1, "1"))
    CostDay.objects.update(is_live=False)
    assert told(acme) == {}
    assert api.get("/api/v1/costs").json()["total"] == 0
    assert api.get(f"/api/v1/costs/{CostLine.objects.get().pk}").status_code == 404

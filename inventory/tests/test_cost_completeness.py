"""Days that are not told to the end are marked, and only those."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.models import CostDay
from inventory.queries.completeness import completeness
from inventory.queries.spans import Span
from inventory.rows import CostRow
from inventory.services.costs import cost_lines_upsert
from inventory.tests.bills import bill, load

TODAY: Final = date(2026, 3, 20)
NOON: Final = datetime(2026, 3, 20, 12, tzinfo=UTC)
ALL: Final = Span(None, None)


def days(last: date, count: int = 20, **fields: Any) -> list[CostRow]:
    return [bill(last - timedelta(days=n), 1, **fields) for n in range(count)]


def state(tenant: Tenant, span: Span = ALL) -> tuple[list[int], int | None]:
    found = completeness(tenant, span)
    return [day.day for day in found.incomplete], found.through.day if found.through else None


@pytest.fixture(autouse=True)
def _at_noon() -> object:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def test_nothing_told(acme: Tenant) -> None:
    assert state(acme) == ([], None)


def test_today_and_what_a_daily_bill_has_not_told_yet(acme: Tenant) -> None:
    load(acme, days(date(2026, 3, 19)), source="a")
    assert state(acme) == ([20], 19)
    load(acme, days(date(2026, 3, 17)), source="b")
    assert state(acme) == ([18, 19, 20], 17)
    assert state(acme, Span(date(2026, 3, 1), date(2026, 3, 19))) == ([18], 17)


def test_a_bill_of_few_days_and_a_closed_one_are_not_late(acme: Tenant, rival: Tenant) -> None:
    load(acme, days(date(2026, 3, 19)), source="a")
    load(acme, days(date(2026, 3, 5), 13), source="monthly")
    load(acme, days(date(2026, 2, 12)), source="closed")
    load(rival, days(date(2026, 3, 10)), source="a")
    assert state(acme) == ([20], 19)


def test_old_costs_are_complete(acme: Tenant) -> None:
    load(acme, days(date(2025, 1, 31)))
    assert state(acme) == ([], 31)


def test_a_day_told_before_it_was_over_is_complete_once_it_is_told_again(acme: Tenant) -> None:
    with time_machine.travel(datetime(2026, 1, 10, 12, tzinfo=UTC), tick=False):
        load(acme, days(date(2026, 1, 10), 3), source="bills")
    assert state(acme) == ([10], 9)
    with timezone.override("Pacific/Auckland"):  # where it was the 11th by then
        assert state(acme) == ([10], 9)
    cost_lines_upsert(by=SYSTEM, tenant=acme, rows=[(1, bill("2026-01-10", 2))])
    assert state(acme) == ([], 10)


def test_days_that_do_not_count(acme: Tenant) -> None:
    load(acme, days(date(2026, 3, 19)))
    CostDay.objects.update(is_live=False)
    assert state(acme) == ([], None)

"""What Gcore charges for a customer, as costs: a month at a time, as Gcore tells all of it by now."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from gcore.client import Expense, Price
from gcore.models import ClientMapping
from gcore.queries.accounts import account_client
from gcore.queries.expenses import source_of
from gcore.queries.own_usage import PROVIDER
from gcore.services.provider_usage import IMPORTER
from inventory.models import Charge, Import
from inventory.rows import CostRow
from inventory.services.costs import cost_lines_replace


class Found(NamedTuple):
    """`prices` by feature: those that have one price, whatever the region and the amount."""

    expenses: list[Expense]
    prices: dict[int, Price]


def expenses_fetch(*, mapping: ClientMapping, month: date) -> Found:
    """The lines of a month that count: the last word on each id, unless it was taken back.

    Errors: GcoreError.
    """
    client = account_client(mapping.account)
    last = next_month(month) - timedelta(days=1)
    lines: dict[str, Expense] = {}
    for line in client.expenses(date_from=month, date_to=last, client_ids=[int(mapping.client_id)]):
        if str(line.client_id) == mapping.client_id and month <= line.for_date <= last:
            lines[line.id] = line
    return Found([line for line in lines.values() if not line.deleted], client.prices())


@transaction.atomic
def expenses_store(*, mapping: ClientMapping, month: date, found: Found) -> dict[str, int]:
    """Let the costs of that month be these; how many lines were `stored` and `removed`, or `unchanged`."""
    rows = [row for line in found.expenses for row in _rows(line, month, found.prices)]
    source = source_of(mapping.client_id, month)
    imports = Import.objects.for_tenant(mapping.tenant).filter(kind=Import.Kind.COSTS, source=source)
    if not rows and not imports.exists():
        return {}
    before = imports.count()
    run = cost_lines_replace(
        by=IMPORTER, tenant=mapping.tenant, source=source, start=month, end=next_month(month), rows=rows
    )
    if imports.count() == before:
        return {"unchanged": len(rows)}
    return {"stored": run.inserted, "removed": run.removed}


def next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def _rows(line: Expense, month: date, prices: dict[int, Price]) -> list[CostRow]:
    """The charge, and its tax as a row of its own."""
    start, end = _span(line, month)
    price = prices.get(line.feature_id or 0)
    priced = price is not None and (price.unit, price.currency) == (line.unit, line.currency)
    common: dict[str, object] = {
        "provider": PROVIDER,
        "sub_account_id": str(line.client_id),
        "sub_account_name": line.client_name,
        "service_name": line.product or PROVIDER,
        "region": line.region,
        "charge_start": _midnight(start),
        "charge_end": _midnight(end),
        "currency": line.currency,
        "charge_description": line.feature_name,
        "sku_id": "" if line.feature_id is None else str(line.feature_id),
        "other": {"x_CalculationRule": line.rule} if line.rule else {},
    }
    charge = CostRow(
        **common,  # type: ignore[arg-type]
        billed_cost=line.money,
        consumed_quantity=line.usage,
        consumed_unit=line.unit,
        contracted_unit_price=price.value if price is not None and priced else None,
    )
    if not line.tax:
        return [charge]
    tax = CostRow(**common, billed_cost=line.tax, charge_category=Charge.Category.TAX)  # type: ignore[arg-type]
    return [charge, tax]


def _span(line: Expense, month: date) -> tuple[date, date]:
    """The line's own period when it begins in the month that the line is for; else that one day."""
    if month <= line.period_start < next_month(month) and line.period_start < line.period_end:
        return line.period_start, line.period_end
    return line.for_date, line.for_date + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

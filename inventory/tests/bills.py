"""Lines of bills for tests of what is made of them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import Tenant
from accounts.principals import SYSTEM
from inventory.models import Import
from inventory.rows import CostRow
from inventory.services.costs import cost_lines_replace


def bill(day: date | str, amount: Any, **fields: Any) -> CostRow:
    """A line of a day: EC2 of account 7 of aws in USD, unless told otherwise."""
    first = date.fromisoformat(day) if isinstance(day, str) else day
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    fixed = {"provider": "aws", "service_name": "EC2", "currency": "USD", "billing_account_id": "7"}
    return CostRow(
        charge_start=start,
        charge_end=start + timedelta(days=1),
        billed_cost=Decimal(amount),
        **{**fixed, **fields},
    )


def load(tenant: Tenant, rows: Iterable[CostRow], source: str = "test") -> Import:
    """Let the rows be all that a source tells."""
    span = (date(2000, 1, 1), date(2100, 1, 1))
    return cost_lines_replace(by=SYSTEM, tenant=tenant, source=source, start=span[0], end=span[1], rows=rows)

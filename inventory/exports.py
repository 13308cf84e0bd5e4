"""Costs and resources as tables: the same rows and figures as the lists and reports have."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet

from accounts.tables import Column, Kind
from accounts.wire import encode
from inventory.models import CostLine, Resource
from inventory.queries.analytics import Analytics, savings_of
from inventory.queries.dimensions import UNALLOCATED, Dimension
from inventory.queries.showback import Showback
from inventory.queries.sums import COSTS, ZERO
from inventory.rows import CHARGE_FIELDS

FETCHED: Final = 2000
MONEY: Final = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
QUANTITIES: Final = (
    "pricing_quantity", "consumed_quantity", "list_unit_price", "contracted_unit_price",
    "commitment_discount_quantity",
)  # fmt: skip
LINE_COLUMNS: Final = [
    Column("day", Kind.DAY),
    *(Column(name, Kind.MOMENT) for name in ("charge_start", "charge_end", "period_start", "period_end")),
    *(Column(name) for name in CHARGE_FIELDS),
    Column("currency"),
    *(Column(name, Kind.MONEY) for name in MONEY),
    *(Column(name, Kind.QUANTITY) for name in QUANTITIES),
    *(Column(name) for name in ("invoice_id", "source", "import_id")),
    Column("row_number", Kind.INTEGER),
]
RESOURCE_COLUMNS: Final = [
    *(Column(name) for name in ("provider", "account_id", "resource_id", "name", "resource_type", "region")),
    *(Column(name) for name in ("state", "tags", "utilization", "details")),
    *(Column(name, Kind.MONEY) for name in ("cost_daily", "cost_monthly")),
    Column("currency"),
    *(Column(name, Kind.MOMENT) for name in ("created_at", "first_seen_at", "last_seen_at")),
]
SAVINGS: Final = ("negotiated", "commitment", "total", "rate")


class Table(NamedTuple):
    """`total` counts the rows without reading them, or None when they are few."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    total: Callable[[], int] | None = None


def lines_table(lines: QuerySet[CostLine]) -> Table:
    """The lines in the order of the list."""
    return Table("Costs", LINE_COLUMNS, (_line(line) for line in fetched(lines)), lines.order_by().count)


def resources_table(resources: QuerySet[Resource]) -> Table:
    """The resources, the newest first."""
    rows = resources.select_related("cloud_account").iterator(chunk_size=FETCHED)
    return Table("Resources", RESOURCE_COLUMNS, (_resource(row) for row in rows), resources.order_by().count)


def analytics_table(dimensions: Sequence[Dimension], found: Analytics) -> Table:
    """A row for each group: its dimensions, currency, number of lines, costs and savings."""
    columns = [
        *(Column(dimension.name) for dimension in dimensions),
        Column("currency"),
        Column("lines", Kind.INTEGER),
        *(Column(f"{cost}_cost", Kind.DECIMAL) for cost in COSTS),
        *(Column(f"savings_{name}", Kind.DECIMAL) for name in SAVINGS),
    ]
    rows = (
        (
            *part.group,
            part.currency,
            part.sums.lines,
            *(getattr(part.sums, cost) for cost in COSTS),
            *savings_of(part.sums),
        )
        for part in found.parts
    )
    return Table("Analytics", columns, rows)


def showback_table(found: Showback) -> Table:
    """A row for each product or folder and currency, and at last what is nobody's."""
    columns = [
        *(Column(name) for name in ("folder", "product", "currency")),
        *(Column(name, Kind.DECIMAL) for name in ("direct", "shared", "total")),
    ]
    rows = [(row.folder, row.product, row.currency, row.direct, row.shared, row.total) for row in found.rows]
    nobody = [("", UNALLOCATED, money, amount, ZERO, amount) for money, amount in found.unallocated.items()]
    return Table("Showback", columns, [*rows, *nobody])


def fetched(lines: QuerySet[CostLine]) -> Iterable[CostLine]:
    """The lines with all that they hang on, through a cursor of the server."""
    return lines.select_related("charge", "cost_day").iterator(chunk_size=FETCHED)


def _line(line: CostLine) -> tuple[Any, ...]:
    charge, day = line.charge, line.cost_day
    moments = (line.charge_start, line.charge_end, day.period_start, day.period_end)
    return (
        day.day,
        *(moment.astimezone(UTC) for moment in moments),
        *(_text(getattr(charge, name)) for name in CHARGE_FIELDS),
        line.currency,
        *(getattr(line, name) for name in (*MONEY, *QUANTITIES)),
        line.invoice_id,
        day.source,
        str(line.source_import_id),
        line.row_number,
    )


def _resource(row: Resource) -> tuple[Any, ...]:
    account = row.cloud_account.account_id if row.cloud_account else ""
    named = {"account_id": account}
    return tuple(
        _text(named[column.name] if column.name in named else getattr(row, column.name))
        for column in RESOURCE_COLUMNS
    )


def _text(value: Any) -> Any:
    """A document as JSON, a moment in UTC, anything else as it is."""
    if isinstance(value, dict):
        return encode(value).decode()
    return value.astimezone(UTC) if isinstance(value, datetime) else value

"""A statement with its adjustments as a table for spreadsheets."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from accounts.sheets import Cell, csv_file
from accounts.wire import encode
from usage.models import Statement
from usage.queries.statements import adjustments_of

COLUMNS: Final = (
    "document", "line", "service_type", "service_provider", "model", "unit", "starts_at", "ends_at",
    "quantity", "unit_price", "scheme", "unrounded", "amount", "currency", "billed_by_sender", "explanation",
)  # fmt: skip


def statement_csv(statement: Statement) -> bytes:
    return csv_file(COLUMNS, _rows(statement))


def statement_xlsx(statement: Statement) -> bytes:
    from accounts.workbooks import xlsx_file

    return xlsx_file(f"Statement {statement.number}", COLUMNS, _rows(statement))


def unit_price(explanation: dict[str, Any]) -> str:
    """The rate of a line that has one rate; empty for tiers and for differences."""
    steps = explanation.get("steps") or []
    return str(steps[0]["rate"]) if len(steps) == 1 else ""


def _rows(statement: Statement) -> Iterator[tuple[Cell, ...]]:
    yield from _document_rows(f"statement {statement.number}", statement.lines.all())
    for adjustment in adjustments_of(statement):
        yield from _document_rows(f"adjustment {adjustment.number}", adjustment.lines.all())


def _document_rows(name: str, lines: Iterable[Any]) -> Iterator[tuple[Cell, ...]]:
    for line in lines:
        yield (
            name, line.position, line.service_type, line.service_provider, line.model, line.unit,
            line.starts_at.isoformat(), line.ends_at.isoformat(), line.quantity, unit_price(line.explanation),
            line.scheme, line.unrounded, line.amount, line.currency,
            encode(line.billed_by_sender).decode(), encode(line.explanation).decode(),
        )  # fmt: skip

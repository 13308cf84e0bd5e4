"""A comparison as a table: for spreadsheets, and as it is kept."""

import dataclasses
from collections.abc import Iterator
from decimal import Context, Decimal
from typing import Any, Final

from accounts.exact import canonical
from accounts.sheets import XLSX_MAX_DIGITS, Cell, csv_file
from gcore.queries.reconciliation import Comparison, Line

NUMBERS: Final = ("provider", "own", "difference", "percent", "before", "price", "recomputed", "billed")
NUMBER: Final = Context(prec=XLSX_MAX_DIGITS)
COLUMNS: Final = ("status", *(field.name for field in dataclasses.fields(Line)))


def comparison_csv(found: Comparison) -> bytes:
    return csv_file(COLUMNS, _rows(found))


def comparison_xlsx(found: Comparison) -> bytes:
    """What is reckoned from the month before has no more digits than a spreadsheet's number."""
    from accounts.workbooks import xlsx_file

    lines = [
        dataclasses.replace(line, before=line.before and NUMBER.plus(line.before)) for line in found.lines
    ]
    rows = _rows(dataclasses.replace(found, lines=lines))
    return xlsx_file(f"Gcore {found.month:%Y-%m}", COLUMNS, rows)


def line_document(line: Line) -> dict[str, Any]:
    """As JSON: numbers are decimal texts."""
    told = {"status": line.status, **dataclasses.asdict(line), "findings": list(line.findings)}
    return told | {name: None if told[name] is None else canonical(told[name]) for name in NUMBERS}


def _rows(found: Comparison) -> Iterator[tuple[Cell, ...]]:
    for line in found.lines:
        told = {"status": line.status, **dataclasses.asdict(line), "findings": ", ".join(line.findings)}
        numbers = {name: told[name] and Decimal(canonical(told[name])) for name in NUMBERS}
        yield tuple((told | numbers)[name] for name in COLUMNS)

"""Cells of CSV files, and small tables of them. No text becomes a formula, numbers are exact."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

Cell = str | int | Decimal | None
RISKY: Final = tuple("=+-@\t\r\n'")
XLSX_MAX_DIGITS: Final = 15  # a spreadsheet's number is a binary fraction; a longer decimal stays a text


def csv_file(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([csv_cell(value) for value in row])
    return text.getvalue().encode()


def csv_cell(value: Cell) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe, as does one that has one."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value

"""Small tables as CSV and XLSX files, whole in memory. A text never becomes a formula, a number is exact."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

Cell = str | int | Decimal | None
XLSX_DIGITS: Final = 15  # what a spreadsheet's number holds; a longer one stays text
XLSX_TEXT: Final = 32_767
RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def csv_file(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])
    return text.getvalue().encode()


def xlsx_file(title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.append(header)
    for row in rows:
        sheet.append([_xlsx_cell(sheet, value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _csv_cell(value: Cell) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return f"'{value}" if isinstance(value, str) and value.startswith(RISKY) else value


def _xlsx_cell(sheet: Any, value: Cell) -> Any:
    if isinstance(value, Decimal):
        if len(value.as_tuple().digits) <= XLSX_DIGITS:
            return value
        value = format(value, "f")
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet)
    cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:XLSX_TEXT]
    cell.data_type = "s"  # neither a formula nor an error
    return cell

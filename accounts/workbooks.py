"""Cells and sheets of XLSX files. No text becomes a formula, numbers are exact.

Import it where a workbook is written: openpyxl brings numpy, a seventh of what a process needs for its start.
"""

import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import escape

from openpyxl import LXML, Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._writer import WorksheetWriter

from accounts.sheets import XLSX_MAX_DIGITS, Cell

XLSX_MAX_TEXT: Final = 32_767
# What XML cannot hold, and what would be read as an escape of it.
XLSX_ESCAPED: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def xlsx_file(title: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """One sheet, whose header stays in sight and filters."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    sheet.append(header)
    last = 1
    for row in rows:
        sheet.append([xlsx_cell(sheet, value) for value in row])
        last += 1
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{last}"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xlsx_cell(sheet: Any, value: Cell) -> Any:
    if isinstance(value, Decimal):
        exact = len(value.as_tuple().digits) <= XLSX_MAX_DIGITS
        return value if exact else format(value, "f")
    if not isinstance(value, str):
        return value
    text = XLSX_ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", value)
    if len(text) > XLSX_MAX_TEXT:
        text = f"{len(text)} characters, more than a cell holds: see the CSV or Parquet export"
    if not text.startswith(("=", "#")):
        return text or None
    cell = WriteOnlyCell(sheet)
    cell.value = text
    cell.data_type = "s"  # neither a formula nor an error
    return cell


def long_sheet(book: Workbook, title: str, header: Sequence[str]) -> Any:
    """A sheet of a write-only book for very many rows of plain values; its header stays in sight."""
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    if not LXML:
        sheet._writer = _RowWriter(sheet)
        sheet._writer.write_top()
    sheet.append(header)
    return sheet


class _RowWriter(WorksheetWriter):  # type: ignore[misc]  # openpyxl has no types
    """Writes a row in one piece, four times as fast: openpyxl makes three objects of XML for each cell."""

    def write_row(self, xf: Any, row: Iterable[Any], row_idx: int) -> None:
        xf._file(f'<row r="{row_idx}">{"".join(map(_cell_xml, row))}</row>')


def _cell_xml(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "s":
        space = "" if value == value.strip() else ' xml:space="preserve"'
        return f'<c r="{cell.coordinate}" t="inlineStr"><is><t{space}>{escape(value)}</t></is></c>'
    return f'<c r="{cell.coordinate}" t="n"><v>{value}</v></c>'

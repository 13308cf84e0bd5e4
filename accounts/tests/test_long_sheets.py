"""A long sheet holds what openpyxl's own writer would have put there."""

import io
from decimal import Decimal
from typing import Any

import openpyxl
from openpyxl import Workbook

from accounts.workbooks import long_sheet, xlsx_cell

ROWS: list[tuple[Any, ...]] = [
    ("plain", Decimal("0.4965"), 7),
    ('<a href="x">&amp; é 😀', Decimal("-12.5000"), None),
    ("  two\nlines ", Decimal("1E+3"), -1),
    ("=1+1", Decimal("12345678901234567890.5"), 0),
    ("#N/A", None, 10**15),
    ("\x07\r_x0041_", Decimal("0.000001"), 1),
    ("", Decimal(0), 2),
]


def written(quick: bool) -> Any:
    book = Workbook(write_only=True)
    header = ("text", "number", "<count>")
    sheet = long_sheet(book, "A & B", header) if quick else book.create_sheet("A & B")
    if not quick:
        sheet.freeze_panes = "A2"
        sheet.append(header)
    for row in ROWS:
        sheet.append([xlsx_cell(sheet, value) for value in row])
    sheet.auto_filter.ref = f"A1:C{len(ROWS) + 1}"
    out = io.BytesIO()
    book.save(out)
    return openpyxl.load_workbook(out).worksheets[0]


def cells(sheet: Any) -> list[Any]:
    return [(cell.coordinate, cell.data_type, cell.value) for row in sheet.iter_rows() for cell in row]


def test_it_reads_as_one_of_openpyxls_own() -> None:
    quick, plain = written(True), written(False)
    assert cells(quick) == cells(plain)
    assert (quick.freeze_panes, quick.auto_filter.ref) == (plain.freeze_panes, plain.auto_filter.ref) == (
        "A2", "A1:C8",
    )  # fmt: skip
    assert quick["A5"].value == "=1+1"
    assert quick["A5"].data_type == "s"
    assert quick["B2"].value == 0.4965

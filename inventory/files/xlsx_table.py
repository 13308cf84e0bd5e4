"""The first sheet of an XLSX workbook."""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any, Final
from xml.etree.ElementTree import ParseError

from django.conf import settings
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from accounts.exact import canonical
from inventory.files.table import MEBIBYTE, MOST_COLUMNS, BadFile, Record, checked_header, fitted

STRINGS: Final = "xl/sharedStrings.xml"
MOST_STRINGS: Final = 64 * MEBIBYTE  # these alone are kept in memory
MOST_ROWS: Final = 1_048_576  # of a sheet; a row may say that any number of empty ones stand before it
FORMULA, DURATION = "\x00formula", "\x00duration"
ADVICE: Final = {
    FORMULA: "a formula. Paste its value in its place.",
    DURATION: "a duration. Give it the format of a number.",
}
# What openpyxl and zipfile raise at damaged, encrypted and foreign files.
BROKEN: Final = (
    KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError, OSError, EOFError,
    ParseError, InvalidFileException, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class XlsxTable:
    format = "xlsx"
    delimiter = ""

    def __init__(self, file: IO[bytes], most_times: int, always: int) -> None:
        self.notes: list[str] = []
        check_workbook(file, most_times, always)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of styles and extensions that nobody here looks at
                sheet = load_workbook(file, read_only=True).worksheets[0]
        except BROKEN as error:
            raise BadFile("The workbook cannot be read; save it anew as XLSX.") from error
        sheet.reset_dimensions()  # what the file says of its size may be wrong
        self._rows = enumerate(sheet.iter_rows(), start=1)
        for _, row in self._read():
            if any(row):
                mark = next((cell for cell in row if cell in ADVICE), None)
                if mark is not None:
                    raise BadFile(f"The header holds {ADVICE[mark]}")
                self.header = checked_header(row)
                return
        raise BadFile("The first sheet is empty.")

    def records(self) -> Iterator[Record]:
        columns = len(self.header)
        for number, row in self._read():
            if not any(row):
                continue
            record = fitted(number, row + [""] * (columns - len(row)), columns)
            mark = next((cell for cell in record.cells if cell in ADVICE), None)
            if mark is not None:
                column = self.header[record.cells.index(mark)]
                cells = ["" if cell in ADVICE else cell for cell in record.cells]
                record = record._replace(cells=cells, problem=f"{column} is {ADVICE[mark]}")
            yield record

    def _read(self) -> Iterator[tuple[int, list[str]]]:
        try:
            for number, row in self._rows:
                if number > MOST_ROWS or len(row) > MOST_COLUMNS:
                    raise BadFile(f"Row {number:,} is beyond {MOST_ROWS:,} rows or {MOST_COLUMNS:,} columns.")
                yield number, [_text(cell) for cell in row]
        except BROKEN as error:
            if isinstance(error, BadFile):
                raise
            raise BadFile("The workbook cannot be read to its end; save it anew as XLSX.") from error


def check_workbook(file: IO[bytes], most_times: int, always: int) -> None:
    """BadFile for what is no workbook, and for what would unpack beyond any use."""
    with zipfile.ZipFile(file) as archive:
        parts = {part.filename: part for part in archive.infolist()}
    if "xl/workbook.xml" not in parts:
        raise BadFile("The file is a ZIP archive and no XLSX workbook; send what is inside.")
    unpacked = sum(part.file_size for part in parts.values())
    packed = sum(part.compress_size for part in parts.values())
    if unpacked > min(max(always, most_times * packed), settings.IMPORT_MAX_UNPACKED_BYTES):
        raise BadFile(f"The workbook unpacks to {unpacked:,} bytes, which is beyond any use.")
    if STRINGS in parts and parts[STRINGS].file_size > MOST_STRINGS:
        raise BadFile(f"The texts of the workbook are more than {MOST_STRINGS:,} bytes; save it as CSV.")


def _text(cell: Any) -> str:
    """A cell as CSV would have it; a number is the shortest one that the spreadsheet means by it."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        return FORMULA
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return canonical(Decimal(repr(value)))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return DURATION if isinstance(value, timedelta) else str(value)

"""A file of Gcore's as records of texts: CSV in a stream, JSON `{headers, rows}`, XLSX."""

import csv
import io
import itertools
from collections.abc import Generator
from decimal import Decimal
from typing import IO, Any, Final

from accounts.errors import ValidationFailed
from accounts.wire import decode
from inventory.files.opening import ALWAYS_UNPACKED, MOST_TIMES

BOM: Final = b"\xef\xbb\xbf"
ZIP: Final = b"PK\x03\x04"
PEEK: Final = 4096
# JSON and XLSX are held in memory; Gcore is asked for CSV, which is not.
MAX_HELD: Final = 32 * 1024 * 1024
FIRST_LINES: Final = 5
LINE_SHOWN: Final = 200

Record = list[str]


class ReportRefused(Exception):
    """A file that nothing is taken from. `first_lines` may hold rows of any customer of the reseller's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.first_lines: list[str] = []


def records(file: IO[bytes]) -> Generator[Record, None, None]:
    """The records of a file, its header first. Errors: ReportRefused, also in the midst of it."""
    file.seek(0)
    start = file.read(PEEK)
    file.seek(0)
    if start.startswith(ZIP):
        return _xlsx_records(_held(file))
    if start.removeprefix(BOM).lstrip().startswith((b"{", b"[")):
        return _json_records(_held(file).read().removeprefix(BOM))
    return _csv_records(file)


def first_lines(file: IO[bytes]) -> list[str]:
    """How a file begins, for people who look for what is wrong with it."""
    file.seek(0)
    lines = itertools.islice(iter(lambda: file.readline(PEEK), b""), FIRST_LINES)
    return [shown(line.decode(errors="replace").rstrip("\r\n")) for line in lines]


def shown(text: str) -> str:
    """Text of theirs as it may stand in a message: short, and without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:LINE_SHOWN])


def _csv_records(file: IO[bytes]) -> Generator[Record, None, None]:
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    try:
        yield from csv.reader(text, strict=True)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ReportRefused(f"It is no CSV in UTF-8 all through: {error}.") from error
    finally:
        text.detach()  # the file stays its owner's


def _json_records(body: bytes) -> Generator[Record, None, None]:
    try:
        found = decode(body)
    except ValidationFailed as error:
        raise ReportRefused(error.message) from error
    headers, rows = (found.get("headers"), found.get("rows")) if isinstance(found, dict) else (None, None)
    if not isinstance(headers, list) or not isinstance(rows, list):
        raise ReportRefused('The JSON is not of the form {"headers": […], "rows": [[…]]}.')
    for record in (headers, *rows):
        if not isinstance(record, list):
            raise ReportRefused("A row of the JSON is not a list.")
        yield [_text(value) for value in record]


def _xlsx_records(file: IO[bytes]) -> Generator[Record, None, None]:
    from openpyxl import load_workbook

    from inventory.files.xlsx_table import BROKEN, check_workbook

    try:
        check_workbook(file, MOST_TIMES, ALWAYS_UNPACKED)
        book = load_workbook(file, read_only=True, data_only=True)
        yield from ([_text(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True))
    except BROKEN as error:
        raise ReportRefused(f"It is no XLSX that can be read: {shown(str(error))}.") from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):  # a spreadsheet's number: as it is shown, not as it is stored
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _held(file: IO[bytes]) -> IO[bytes]:
    body = file.read(MAX_HELD + 1)
    if len(body) > MAX_HELD:
        raise ReportRefused(f"JSON and XLSX are read up to {MAX_HELD:,} bytes; this is larger.")
    return io.BytesIO(body)

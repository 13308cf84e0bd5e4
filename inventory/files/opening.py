"""Telling what a file is, by its first bytes."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any, Final

from django.conf import settings

from inventory.files.csv_table import CsvTable
from inventory.files.json_table import JsonTable
from inventory.files.table import MEBIBYTE, BadFile, Table

GZIP: Final = b"\x1f\x8b"
ZIP: Final = b"PK\x03\x04"
OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"
PARQUET: Final = b"PAR1"
UTF16: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# A file may unpack to this in any case, and beyond it to so many times its size.
ALWAYS_UNPACKED: Final = 16 * MEBIBYTE
MOST_TIMES: Final = 250
SAMPLE: Final = 64 * 1024


@contextmanager
def table_open(file: IO[bytes]) -> Iterator[Table]:
    """The table in a seekable file. Errors, also while its records are read: BadFile."""
    file.seek(0)
    try:
        with ExitStack() as stack:
            yield _table(file, stack)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadFile("The file is damaged or cut off: it cannot be unpacked to its end.") from error
    except UnicodeError as error:
        raise BadFile("The file is damaged: it begins like UTF-16 and is none.") from error
    except zipfile.BadZipFile as error:
        raise BadFile("The file is damaged: it begins like a ZIP archive and is none.") from error


def _table(file: IO[bytes], stack: ExitStack) -> Table:
    start = _start(file)
    if start.startswith(GZIP):
        file = io.BufferedReader(_Unzipped(file), SAMPLE)
        start = file.peek(SAMPLE)[:SAMPLE]
        if start.startswith((GZIP, ZIP)):
            raise BadFile("The gzip file holds another archive; send what is inside.")
    if start.startswith(ZIP):
        from inventory.files.xlsx_table import XlsxTable  # with openpyxl, see accounts/workbooks.py

        return XlsxTable(file, MOST_TIMES, ALWAYS_UNPACKED)
    if start.startswith((OLD_EXCEL, PARQUET, b"%PDF")):
        raise BadFile("The file is none of CSV, XLSX and JSON. Save it as one of these.")
    text, notes = _text(file, start)
    stack.callback(text.detach)  # or it would close the file
    plain = start.decode(text.encoding, errors="ignore").lstrip("\ufeff \t\r\n")
    kind: Any = JsonTable if plain.startswith(("{", "[")) else CsvTable
    table: Table = kind(text)
    table.notes += notes
    return table


def _start(file: IO[bytes]) -> bytes:
    start = file.read(SAMPLE)
    file.seek(0)
    return start


def _text(file: IO[bytes], start: bytes) -> tuple[io.TextIOWrapper, list[str]]:
    """The file as text. What is no UTF-8 stays visible as lone surrogates."""
    notes = []
    encoding = UTF16.get(start[:2], "utf-8-sig")
    if encoding == "utf-8-sig":
        if b"\x00" in start:
            raise BadFile("The file is no text, or UTF-16 without its mark. Save it as UTF-8.")
        if not _is_utf8(start):
            encoding = "cp1252"
            notes.append("The file is not UTF-8; it was read as Windows-1252.")
    errors = "replace" if encoding == "cp1252" else "surrogateescape" if encoding != "utf-16" else "strict"
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline=""), notes


def _is_utf8(start: bytes) -> bool:
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(start) - 4 and len(start) == SAMPLE  # cut within a character
    return True


class _Unzipped(io.RawIOBase):
    """What a gzip file unpacks to, as long as that has any proportion to its size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._gzip = gzip.GzipFile(fileobj=file)
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._gzip.read(len(buffer))
        buffer[: len(part)] = part
        self._size += len(part)
        if self._size > max(ALWAYS_UNPACKED, MOST_TIMES * self._file.tell()):
            raise BadFile(f"The file unpacks to more than {MOST_TIMES} times its size.")
        if self._size > settings.IMPORT_MAX_UNPACKED_BYTES:
            raise BadFile(f"The file unpacks to more than {settings.IMPORT_MAX_UNPACKED_BYTES:,} bytes.")
        return len(part)

"""Tables of any length as files: CSV, XLSX and Parquet, written while their rows are read.

Memory does not grow with the number of rows. Every format has the same columns with the same values, and all
rows are of one moment.
"""

import io
import itertools
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple

from accounts.errors import ValidationFailed
from accounts.snapshot import snapshot
from accounts.streams import Parts, csv_parts, file_parts, taken
from accounts.wire import encode

XLSX_MAX_ROWS: Final = 1_048_575  # and the header
PARQUET_GROUP: Final = 10_000


class Kind(Enum):
    """What a column holds. Decimals of any size are text in Parquet, of 38 digits they are decimals."""

    TEXT = "text"
    TEXTS = "texts"
    INTEGER = "integer"
    DECIMAL = "decimal"
    MONEY = "money"
    QUANTITY = "quantity"
    DAY = "day"
    MOMENT = "moment"


class Column(NamedTuple):
    name: str
    kind: Kind = Kind.TEXT


Columns = Sequence[Column]
Rows = Iterable[Sequence[Any]]


def csv_table(title: str, columns: Columns, rows: Rows) -> Parts:
    with snapshot():
        yield from csv_parts([column.name for column in columns], (map(_cell, row) for row in rows))  # type: ignore[misc]


def xlsx_table(title: str, columns: Columns, rows: Rows) -> Parts:
    """A workbook is written whole before its first byte can be sent: into a file, not into memory.

    Errors: ValidationFailed, at once, when there are more rows than a sheet has.
    """
    from openpyxl import Workbook

    from accounts.workbooks import long_sheet, xlsx_cell

    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by whoever reads it)
    with snapshot():
        book = Workbook(write_only=True)
        sheet = long_sheet(book, title, [column.name for column in columns])
        for number, row in enumerate(rows, start=1):
            if number > XLSX_MAX_ROWS:
                raise too_many_rows()
            sheet.append([xlsx_cell(sheet, _cell(value)) for value in row])
        book.save(file)
    return file_parts(file)


def parquet_table(title: str, columns: Columns, rows: Rows) -> Parts:
    import pyarrow as pa  # 60 MB and a third of a second that nothing else needs
    from pyarrow import parquet

    kinds = {
        Kind.TEXTS: pa.list_(pa.string()),
        Kind.INTEGER: pa.int64(),
        Kind.MONEY: pa.decimal128(38, 14),
        Kind.QUANTITY: pa.decimal128(38, 18),
        Kind.DAY: pa.date32(),
        Kind.MOMENT: pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(name, kinds.get(kind, pa.string())) for name, kind in columns])
    out = io.BytesIO()
    left = iter(rows)
    with snapshot():
        with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
            while group := list(itertools.islice(left, PARQUET_GROUP)):
                arrays = [
                    pa.array(_texts(values) if column.kind is Kind.DECIMAL else values, field.type)
                    for column, values, field in zip(columns, zip(*group, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                yield taken(out)
        yield taken(out)


@dataclass(frozen=True, slots=True)
class Format:
    """`parts` takes title, columns and rows, and gives the file piece by piece."""

    media_type: str
    parts: Callable[[str, Columns, Rows], Parts]


FORMATS: Final = {
    "csv": Format("text/csv; charset=utf-8", csv_table),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_table),
    "parquet": Format("application/vnd.apache.parquet", parquet_table),
}


def too_many_rows(noun: str = "rows") -> ValidationFailed:
    return ValidationFailed.field(
        "format",
        f"a sheet of XLSX holds {XLSX_MAX_ROWS:,} {noun} and there are more;"
        " take CSV or Parquet, or a shorter window.",
    )


def moment_text(value: datetime) -> str:
    """A column of times has one form, with microseconds also where they are zero."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cell(value: Any) -> Any:
    """A value of a row as one of a sheet."""
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return encode(value).decode() if isinstance(value, list) else value


def _texts(values: Sequence[Decimal | None]) -> list[str | None]:
    return [None if value is None else format(value, "f") for value in values]

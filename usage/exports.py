"""Events as files: what each column holds, and CSV, XLSX and Parquet written while the rows are read.

Memory does not grow with the number of rows. Every format has the same columns: `metrics`, `billing_info`
and `metadata` as JSON text, so that a new metric changes no column, and money as decimals.
"""

import io
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet
from openpyxl import Workbook

from accounts.errors import ValidationFailed
from accounts.sheets import xlsx_cell
from accounts.streams import Parts, csv_parts, file_parts, snapshot, taken
from accounts.wire import encode
from usage.models import UsageEvent
from usage.queries.events import billed_cost

FETCHED: Final = 2000
XLSX_MAX_EVENTS: Final = 1_048_575  # and the header
PARQUET_GROUP: Final = 10_000

Events = QuerySet[UsageEvent]


class Record(NamedTuple):
    """One event as a row of a file."""

    event_id: str
    timestamp: datetime
    tenant_id: str
    user_id: str
    service_type: str
    service_provider: str
    event_type: str
    metrics: str
    billing_info: str
    total_cost: str | None
    tags: list[str]
    metadata: str
    session_id: str
    request_id: str
    received_at: datetime


COLUMNS: Final = Record._fields


def record(event: UsageEvent, slug: str) -> Record:
    return Record(
        event_id=event.event_id,
        timestamp=event.timestamp.astimezone(UTC),
        tenant_id=slug,
        user_id=event.user_id,
        service_type=event.service_type,
        service_provider=event.service_provider,
        event_type=event.event_type,
        metrics=encode(event.metrics).decode(),
        billing_info=encode(event.billing_info).decode(),
        total_cost=billed_cost(event),
        tags=event.tags,
        metadata=encode(event.metadata).decode(),
        session_id=event.session_id,
        request_id=event.request_id,
        received_at=event.received_at.astimezone(UTC),
    )


def event_csv_parts(events: Events, slug: str) -> Parts:
    with snapshot():
        rows = (
            [_cell(name, value) for name, value in zip(COLUMNS, row, strict=True)]
            for row in _records(events, slug)
        )
        yield from csv_parts(COLUMNS, rows)


def xlsx_parts(events: Events, slug: str) -> Parts:
    """A workbook is written whole before its first byte can be sent: into a file, not into memory.

    Errors: ValidationFailed, at once, when there are more events than a sheet has rows.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed by whoever reads it)
    with snapshot():
        if events.order_by()[: XLSX_MAX_EVENTS + 1].count() > XLSX_MAX_EVENTS:
            raise _too_many()
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Usage")
        sheet.append(COLUMNS)
        for number, row in enumerate(_records(events, slug), start=1):
            if number > XLSX_MAX_EVENTS:  # on SQLite more may have come since they were counted
                raise _too_many()
            sheet.append([xlsx_cell(sheet, _cell(name, v)) for name, v in zip(COLUMNS, row, strict=True)])
        book.save(file)
    return file_parts(file)


def parquet_parts(events: Events, slug: str) -> Parts:
    import pyarrow as pa  # 60 MB and a third of a second that nothing else needs
    from pyarrow import parquet

    kinds = {
        "timestamp": pa.timestamp("us", tz="UTC"),
        "received_at": pa.timestamp("us", tz="UTC"),
        "tags": pa.list_(pa.string()),
    }
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    out = io.BytesIO()
    with snapshot():
        with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
            rows = _records(events, slug)
            while group := list(itertools.islice(rows, PARQUET_GROUP)):
                columns = zip(*group, strict=True)
                arrays = [pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
                yield taken(out)
        yield taken(out)


@dataclass(frozen=True, slots=True)
class Format:
    """`parts` reads the events and gives the file piece by piece."""

    media_type: str
    parts: Callable[[Events, str], Parts]


FORMATS: Final = {
    "csv": Format("text/csv; charset=utf-8", event_csv_parts),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", xlsx_parts),
    "parquet": Format("application/vnd.apache.parquet", parquet_parts),
}


def _records(events: Events, slug: str) -> Iterator[Record]:
    """Newest first, as in the list; read through a cursor of the server."""
    ordered = events.order_by("-timestamp", "-id")
    return (record(event, slug) for event in ordered.iterator(chunk_size=FETCHED))


def _cell(name: str, value: Any) -> Any:
    """A value of a record as one of a table."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list):
        return encode(value).decode()
    return Decimal(value) if name == "total_cost" and value is not None else value


def moment(value: datetime) -> str:
    """A column of times has one form, with microseconds also where they are zero."""
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _too_many() -> ValidationFailed:
    return ValidationFailed.field(
        "format",
        f"a sheet of XLSX holds {XLSX_MAX_EVENTS:,} events and there are more;"
        " take CSV or Parquet, or a shorter window.",
    )

"""Rows into the ledger: the one place that inserts usage events, once each.

The caller holds JSON arrays as accepted by the intake. On PostgreSQL they are copied straight into
the table, which is right nearly always; when an id is there already, the copy is undone and the rows
go through a staging table that leaves the known ones out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import DataError, IntegrityError, connection, transaction
from uuid_utils import uuid7

from accounts.wire import exact_number
from usage.models import UsageEvent

EMPTY_OBJECT: Final = msgspec.Raw(b"{}")
EMPTY_LIST: Final = msgspec.Raw(b"[]")
TABLE: Final = UsageEvent._meta.db_table
COLUMNS: Final = (
    "id",
    "tenant_id",
    "event_id",
    "timestamp",
    "user_id",
    "service_type",
    "service_provider",
    "event_type",
    "metrics",
    "billing_info",
    "tags",
    "metadata",
    "session_id",
    "request_id",
    "received_at",
)
COLUMN_LIST: Final = ", ".join(f'"{column}"' for column in COLUMNS)
# A process that freezes in its transaction holds up those who bring the same ids: only for so long.
PATIENCE: Final = "SET LOCAL idle_in_transaction_session_timeout = '5s'; SET LOCAL lock_timeout = '5s'"


class Row(msgspec.Struct):
    """An event on its way into the table; its JSON columns stay the bytes they are."""

    event_id: str
    timestamp: str
    user_id: str
    service_type: str
    service_provider: str
    event_type: str
    metrics: msgspec.Raw = EMPTY_OBJECT
    billing_info: msgspec.Raw = EMPTY_OBJECT
    tags: msgspec.Raw = EMPTY_LIST
    metadata: msgspec.Raw = EMPTY_OBJECT
    session_id: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Lot:
    """Events of one tenant accepted at one moment.

    The tenant's id is text here, as UUIDs are slow to hash and to write out a million times.
    """

    tenant_id: str
    received_at: datetime
    rows: list[Row]


Key = tuple[str, str]
# What the database says of rows that it will never take, as opposed to being away.
REFUSALS: Final = (DataError, IntegrityError)
_rows = msgspec.json.Decoder(list[Row])
_json = msgspec.json.Decoder(float_hook=exact_number)


def read_rows(payload: bytes) -> list[Row]:
    """The rows of a JSON array of events; msgspec.MsgspecError when it is not one."""
    return _rows.decode(payload)


def store(lots: Iterable[Lot]) -> set[Key]:
    """Insert all events of the lots in one transaction; the keys of those that were not there before."""
    unique: dict[Key, tuple[Lot, Row]] = {}
    for lot in lots:
        for row in lot.rows:
            unique.setdefault((lot.tenant_id, row.event_id), (lot, row))
    # Two writers that insert the same ids in the same order wait for each other instead of deadlocking.
    ordered = dict(sorted(unique.items()))
    with transaction.atomic():
        return _store_postgresql(ordered) if connection.vendor == "postgresql" else _store_sqlite(ordered)


def _store_postgresql(rows: dict[Key, tuple[Lot, Row]]) -> set[Key]:
    with connection.cursor() as cursor:
        cursor.execute(PATIENCE)
    try:
        with transaction.atomic():
            _copy(TABLE, rows)
        return set(rows)
    except IntegrityError:
        return _store_staged(rows)


def _copy(table: str, rows: dict[Key, tuple[Lot, Row]]) -> None:
    statement = f"COPY {table} ({COLUMN_LIST}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for values in _as_text(rows):
            copy.write_row(values)


def _as_text(rows: dict[Key, tuple[Lot, Row]]) -> Iterator[tuple[str, ...]]:
    """The rows in the order of COLUMNS, all as text: PostgreSQL reads it and we convert nothing."""
    for (tenant_id, event_id), (lot, row) in rows.items():
        yield (
            str(uuid7()),
            tenant_id,
            event_id,
            row.timestamp,
            row.user_id,
            row.service_type,
            row.service_provider,
            row.event_type,
            str(row.metrics, "utf-8"),
            str(row.billing_info, "utf-8"),
            str(row.tags, "utf-8"),
            str(row.metadata, "utf-8"),
            row.session_id,
            row.request_id,
            lot.received_at.isoformat(),
        )


def _store_staged(rows: dict[Key, tuple[Lot, Row]]) -> set[Key]:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE usage_stage (LIKE {TABLE}) ON COMMIT DROP")
        _copy("usage_stage", rows)
        cursor.execute(
            f"INSERT INTO {TABLE} ({COLUMN_LIST}) SELECT {COLUMN_LIST} FROM usage_stage"  # noqa: S608
            " ORDER BY tenant_id, event_id ON CONFLICT (tenant_id, event_id) DO NOTHING"
            " RETURNING tenant_id, event_id"
        )
        new = {(str(tenant_id), event_id) for tenant_id, event_id in cursor.fetchall()}
        cursor.execute("DROP TABLE usage_stage")
    return new


def _store_sqlite(rows: dict[Key, tuple[Lot, Row]]) -> set[Key]:
    known: set[Key] = set()
    for tenant_id in {tenant_id for tenant_id, _ in rows}:
        ids = [event_id for owner, event_id in rows if owner == tenant_id]
        found = UsageEvent.objects.filter(tenant_id=tenant_id, event_id__in=ids)
        known |= {(tenant_id, event_id) for event_id in found.values_list("event_id", flat=True)}
    new = [key for key in rows if key not in known]
    UsageEvent.objects.bulk_create([_as_model(key, *rows[key]) for key in new], batch_size=500)
    return set(new)


def _as_model(key: Key, lot: Lot, row: Row) -> UsageEvent:
    fields: dict[str, Any] = {name: getattr(row, name) for name in row.__struct_fields__}
    for name in ("metrics", "billing_info", "tags", "metadata"):
        fields[name] = _json.decode(fields[name])
    fields["timestamp"] = datetime.fromisoformat(row.timestamp)
    return UsageEvent(tenant_id=key[0], received_at=lot.received_at, **fields)

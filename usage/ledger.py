"""Rows into the ledger: the one place that inserts usage events, once each.

The caller holds JSON arrays as accepted by the intake. On PostgreSQL they are copied straight into
the table, which is right nearly always; when an id is there already, the copy is undone and the rows
go through a staging table that leaves the known ones out. Each insert marks the hours that it touched,
so that their sums are made again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, Final

import msgspec
from django.conf import settings
from django.db import DataError, IntegrityError, InternalError, connection, transaction
from django.db.models import TextChoices
from uuid_utils import uuid7

from accounts.models import Tenant
from accounts.row_security import as_platform
from accounts.wire import encode, exact_number
from usage import content
from usage.models import DeadLetter, DirtyHour, DuplicateReceipt, UsageEvent

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
LOOK: Final = f"SELECT id FROM {Tenant._meta.db_table} WHERE id = ANY(%s::uuid[])"  # noqa: S608
# Nobody deletes them before we commit, as a foreign key sees to for each row. Citus, whose copies of the
# tenants are on each server, would lock all of them in a way in which two writers always end in a deadlock.
HOLD: Final = LOOK if settings.DATABASE_DISTRIBUTED else f"{LOOK} FOR KEY SHARE"
CONFLICT: Final = "The id is taken by an event with another content, which stays as it is."


class Status(TextChoices):
    """What became of one event of a lot."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REJECTED = "rejected"


class Row(msgspec.Struct, omit_defaults=True):
    """An event on its way into the table; its JSON columns stay the bytes they are.

    Without a timestamp of its own the usage happened when we accepted it.
    """

    event_id: str
    user_id: str
    service_type: str
    service_provider: str
    event_type: str
    timestamp: str = ""
    metrics: msgspec.Raw = EMPTY_OBJECT
    billing_info: msgspec.Raw = EMPTY_OBJECT
    tags: msgspec.Raw = EMPTY_LIST
    metadata: msgspec.Raw = EMPTY_OBJECT
    session_id: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Lot:
    """Events of one tenant accepted at one moment, in one entry of the queue or in one request.

    The tenant's id is text here, as UUIDs are slow to hash and to write out a million times. `plain`: the
    rows are known to hold nothing that COPY would not take as it stands.
    """

    tenant_id: str
    received_at: datetime
    rows: list[Row]
    entry_id: str
    plain: bool = False

    @cached_property
    def received(self) -> str:
        """`received_at` as text."""
        return self.received_at.isoformat()

    def timestamp(self, row: Row) -> str:
        return row.timestamp or self.received


Key = tuple[str, str]
Rows = dict[Key, tuple[Lot, Row]]
# What the database says of rows that it will never take, as opposed to being away.
REFUSALS: Final = (DataError, IntegrityError)
_rows = msgspec.json.Decoder(list[Row])
_json = msgspec.json.Decoder(float_hook=exact_number)


def read_rows(payload: bytes) -> list[Row]:
    """The rows of a JSON array of events; msgspec.MsgspecError when it is not one."""
    return _rows.decode(payload)


def is_plain(payload: bytes) -> bool:
    """Whether a JSON array of events holds nothing that COPY would not take as it stands."""
    return not (b"\\" in payload or b"\t" in payload or b"\n" in payload or b"\r" in payload)


@as_platform()  # several tenants' events come at once, and as a tenant there is no COPY into a table
def store(lots: list[Lot]) -> list[list[Status]]:
    """Insert all events of the lots in one transaction; for each lot, what became of each of its rows.

    A repeated event is noted, and one whose id is taken by another content is set aside.
    """
    unique: Rows = {}
    for lot in lots:
        for row in lot.rows:
            unique.setdefault((lot.tenant_id, row.event_id), (lot, row))
    # Two writers that insert the same ids in the same order wait for each other instead of deadlocking.
    ordered = dict(sorted(unique.items(), key=itemgetter(0)))
    with transaction.atomic():
        _hold_tenants({lot.tenant_id for lot in lots if lot.rows})
        if connection.vendor == "postgresql":
            new = _store_postgresql(ordered, plain=all(lot.plain for lot in lots))
        else:
            new = _store_sqlite(ordered)
        _mark(unique[key] for key in new)
        if len(new) == sum(len(lot.rows) for lot in lots):
            return [[Status.STORED] * len(lot.rows) for lot in lots]
        return _sort_out(lots, unique, new)


def _hold_tenants(ids: set[str]) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE)
            cursor.execute(HOLD, [sorted(ids)])
            found = len(cursor.fetchall())
    else:
        found = Tenant.objects.filter(pk__in=ids).count()
    if found < len(ids):
        raise IntegrityError("There is no such tenant.")


def _mark(stored: Iterable[tuple[Lot, Row]]) -> None:
    hours = {(lot.tenant_id, (row.timestamp or lot.received)[:13]) for lot, row in stored}
    DirtyHour.objects.bulk_create(
        DirtyHour(tenant_id=tenant_id, hour=datetime.fromisoformat(f"{hour}:00:00Z"))
        for tenant_id, hour in sorted(hours)
    )


def _store_postgresql(rows: Rows, *, plain: bool) -> set[Key]:
    try:
        with transaction.atomic():
            _copy(TABLE, rows, plain=plain)
        return set(rows)
    except (IntegrityError, InternalError):  # by the latter Citus says that an id is there
        return _store_staged(rows, plain=plain)


def _copy(table: str, rows: Rows, *, plain: bool) -> None:
    """As one text, which costs a third of what it does row by row; but what has to be escaped goes by row."""
    lines = list(_as_text(rows))
    block = "\n".join(map("\t".join, lines))
    plain = plain or (
        block.count("\t") == len(lines) * (len(COLUMNS) - 1)
        and block.count("\n") == len(lines) - 1
        and "\\" not in block
        and "\r" not in block
    )
    statement = f"COPY {table} ({COLUMN_LIST}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        if plain:
            copy.write(block)
            return
        for values in lines:
            copy.write_row(values)


def _as_text(rows: Rows) -> Iterator[tuple[str, ...]]:
    """The rows in the order of COLUMNS, all as text: PostgreSQL reads it and we convert nothing."""
    for (tenant_id, event_id), (lot, row) in rows.items():
        received = lot.received
        yield (
            str(uuid7()),
            tenant_id,
            event_id,
            row.timestamp or received,
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
            received,
        )


def _store_staged(rows: Rows, *, plain: bool) -> set[Key]:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE usage_stage (LIKE {TABLE} INCLUDING DEFAULTS) ON COMMIT DROP")
        _copy("usage_stage", rows, plain=plain)
        cursor.execute(
            f"INSERT INTO {TABLE} ({COLUMN_LIST}) SELECT {COLUMN_LIST} FROM usage_stage"  # noqa: S608
            " ORDER BY tenant_id, event_id ON CONFLICT (tenant_id, event_id, revision) DO NOTHING"
            " RETURNING tenant_id, event_id"
        )
        new = {(str(tenant_id), event_id) for tenant_id, event_id in cursor.fetchall()}
        cursor.execute("DROP TABLE usage_stage")
    return new


def _store_sqlite(rows: Rows) -> set[Key]:
    known = {(str(event.tenant_id), event.event_id) for event in _known(rows, {"tenant_id", "event_id"})}
    new = [key for key in rows if key not in known]
    UsageEvent.objects.bulk_create([_as_model(key, *rows[key]) for key in new], batch_size=500)
    return set(new)


def _as_model(key: Key, lot: Lot, row: Row) -> UsageEvent:
    fields = row_fields(row) | {"timestamp": datetime.fromisoformat(lot.timestamp(row)).astimezone(UTC)}
    return UsageEvent(tenant_id=key[0], received_at=lot.received_at, **fields)


def row_fields(row: Row) -> dict[str, Any]:
    """A row as plain values; its timestamp stays text."""
    fields: dict[str, Any] = {name: getattr(row, name) for name in row.__struct_fields__}
    for name in ("metrics", "billing_info", "tags", "metadata"):
        fields[name] = _json.decode(fields[name])
    return fields


def _known(keys: Iterable[Key], columns: Iterable[str]) -> Iterator[UsageEvent]:
    """All revisions of the events of these ids."""
    names: dict[str, list[str]] = {}
    for tenant_id, event_id in keys:
        names.setdefault(tenant_id, []).append(event_id)
    for tenant_id, ids in names.items():
        yield from UsageEvent.objects.filter(tenant_id=tenant_id, event_id__in=ids).only(*columns)


def _sort_out(lots: list[Lot], unique: Rows, new: set[Key]) -> list[list[Status]]:
    """Tell the repeated events from those that only share an id, and note both."""
    seen: dict[Key, list[content.Version]] = {}
    repeated = {
        (lot.tenant_id, row.event_id)
        for lot in lots
        for row in lot.rows
        if (lot.tenant_id, row.event_id) not in new or unique[lot.tenant_id, row.event_id][1] is not row
    }
    for event in _known(repeated, content.COLUMNS):
        seen.setdefault((str(event.tenant_id), event.event_id), []).append(content.version_of(event))
    answers, duplicates, conflicts = [], [], []
    for lot in lots:
        statuses = []
        for row in lot.rows:
            key = (lot.tenant_id, row.event_id)
            if key in new and unique[key][1] is row:
                statuses.append(Status.STORED)
            elif any(version.holds(row.timestamp, row_fields(row)) for version in seen.get(key, [])):
                statuses.append(Status.DUPLICATE)
                # An entry that comes again after a crash was sent only once.
                if key in new or all(version.received_at != lot.received_at for version in seen[key]):
                    duplicates.append((lot, row))
            else:
                statuses.append(Status.CONFLICT)
                conflicts.append((lot, row))
        answers.append(statuses)
    _note_duplicates(duplicates)
    _set_conflicts_aside(conflicts)
    return answers


def _note_duplicates(repeated: list[tuple[Lot, Row]]) -> None:
    DuplicateReceipt.objects.bulk_create(
        (
            DuplicateReceipt(tenant_id=lot.tenant_id, event_id=row.event_id, received_at=lot.received_at)
            for lot, row in repeated
        ),
        ignore_conflicts=True,
    )


def _set_conflicts_aside(conflicts: list[tuple[Lot, Row]]) -> None:
    """One letter for an id and an entry; it holds every content that the entry had under the id."""
    letters: dict[tuple[str, str, str], list[Row]] = {}
    for lot, row in conflicts:
        letters.setdefault((lot.tenant_id, lot.entry_id, row.event_id), []).append(row)
    DeadLetter.objects.bulk_create(
        (
            DeadLetter(
                kind=DeadLetter.Kind.CONFLICT,
                tenant_id=tenant_id,
                entry_id=entry_id,
                event_id=event_id,
                payload=encode(rows).decode(),
                reason=CONFLICT,
            )
            for (tenant_id, entry_id, event_id), rows in letters.items()
        ),
        ignore_conflicts=True,
    )

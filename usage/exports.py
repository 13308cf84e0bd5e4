"""Events as files: what each column holds.

`metrics`, `billing_info` and `metadata` are JSON text, so that a new metric changes no column.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.db.models import QuerySet

from accounts import tables
from accounts.streams import Parts
from accounts.tables import Column, Kind
from accounts.wire import encode
from usage.models import UsageEvent
from usage.queries.events import billed_cost

FETCHED: Final = 2000
KINDS: Final = {
    "timestamp": Kind.MOMENT, "total_cost": Kind.DECIMAL, "tags": Kind.TEXTS, "received_at": Kind.MOMENT,
}  # fmt: skip

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
    total_cost: Decimal | None
    tags: list[str]
    metadata: str
    session_id: str
    request_id: str
    received_at: datetime


COLUMNS: Final = [Column(name, KINDS.get(name, Kind.TEXT)) for name in Record._fields]


def record(event: UsageEvent, slug: str) -> Record:
    cost = billed_cost(event)
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
        total_cost=None if cost is None else Decimal(cost),
        tags=event.tags,
        metadata=encode(event.metadata).decode(),
        session_id=event.session_id,
        request_id=event.request_id,
        received_at=event.received_at.astimezone(UTC),
    )


def event_parts(format: str, events: Events, slug: str) -> Parts:
    """The events as a file in one of `tables.FORMATS`, newest first.

    Errors: ValidationFailed, at once, when there are more events than a sheet of XLSX has rows.
    """
    if format == "xlsx" and events.order_by()[: tables.XLSX_MAX_ROWS + 1].count() > tables.XLSX_MAX_ROWS:
        raise tables.too_many_rows("events")
    return tables.FORMATS[format].parts("Usage", COLUMNS, _records(events, slug))


def _records(events: Events, slug: str) -> Iterator[Record]:
    """Newest first, as in the list; read through a cursor of the server."""
    ordered = events.order_by("-timestamp", "-id")
    return (record(event, slug) for event in ordered.iterator(chunk_size=FETCHED))

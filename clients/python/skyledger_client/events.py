"""An event before it is sent: complete, checked and written out once, so that every attempt is the same."""

import dataclasses
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Required, TypedDict

from skyledger_client.exact import dumps, loads


class EventFields(TypedDict, total=False):
    """An event; `tenant_id` is the client's, and `event_id` and `timestamp` are made, if left out."""

    event_id: str
    timestamp: datetime | str
    tenant_id: str
    user_id: Required[str]
    service_type: Required[str]
    service_provider: Required[str]
    event_type: Required[str]
    metrics: Mapping[str, Any]
    billing_info: Mapping[str, Any]
    tags: Sequence[str]
    metadata: Mapping[str, Any]
    session_id: str
    request_id: str


class EventOptions(TypedDict, total=False):
    """What the helpers take beside their own arguments."""

    event_id: str
    timestamp: datetime | str
    tenant_id: str
    billing_info: Mapping[str, Any]
    tags: Sequence[str]
    session_id: str
    request_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """An event as it goes over the wire, the same bytes on every attempt."""

    event_id: str
    body: str

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = loads(self.body)
        return event


def prepare(fields: Mapping[str, Any], tenant: str | None) -> Prepared:
    """Complete an event and write it out. Fields that are None are left out.

    Errors: TypeError or ValueError for what JSON cannot carry exactly, a time without a zone among it.
    """
    event = {name: value for name, value in fields.items() if value is not None}
    if tenant is not None:
        event.setdefault("tenant_id", tenant)
    event["event_id"] = str(event.get("event_id") or new_id())
    event["timestamp"] = _written(event.get("timestamp") or datetime.now(UTC))
    return Prepared(event["event_id"], dumps(event))


def new_id() -> str:
    """A UUIDv7: it begins with the time, which keeps the ledger's index small and fast."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def _written(moment: datetime | str) -> str:
    if isinstance(moment, str):
        return moment
    if moment.utcoffset() is None:
        raise ValueError("timestamp has no time zone; use datetime.now(timezone.utc) or .astimezone()")
    return moment.astimezone(UTC).isoformat()

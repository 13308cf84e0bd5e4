"""Is it the same event again? Contents are compared by value: 1.50 is 1.5, and the order of keys is none."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from usage.models import UsageEvent

FIELDS: Final = (
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
)
COLUMNS: Final = ("tenant_id", "event_id", "timestamp", "received_at", *FIELDS)


@dataclass(frozen=True, slots=True)
class Version:
    """One revision of an event as the ledger holds it."""

    timestamp: datetime
    received_at: datetime
    fields: tuple[Any, ...]

    def holds(self, timestamp: str, fields: dict[str, Any]) -> bool:
        """Does it say the same? A sender that gave no timestamp says nothing about it."""
        if timestamp and datetime.fromisoformat(timestamp).astimezone(UTC) != self.timestamp:
            return False
        return self.fields == tuple(plain(fields[name]) for name in FIELDS)


def version_of(event: UsageEvent) -> Version:
    fields = tuple(plain(getattr(event, name)) for name in FIELDS)
    return Version(event.timestamp, event.received_at, fields)


def plain(value: Any) -> Any:
    """A JSON value as something that is equal exactly when the JSON says the same: true is not 1."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return (type(value), value)
    return Decimal(value)

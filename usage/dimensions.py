"""What the rollups keep of an event: the properties that they tell events apart by, and its cost."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from usage.models import UsageEvent
from usage.sql import PropertyText, SentCost, SentCurrency

DIMENSIONS: Final = ("service_type", "service_provider", "event_type", "user_id", "model")


def live_events(tenant_id: UUID, as_of: datetime | None = None) -> QuerySet[Any, Any]:
    """The events that count now, or counted at `as_of`, also with `model`, `currency` and `cost`."""
    events = UsageEvent.objects.filter(tenant_id=tenant_id).counted(as_of).order_by()
    named = {"model": PropertyText("model"), "currency": SentCurrency(), "cost": SentCost()}
    found: QuerySet[Any, Any] = events.annotate(**named)
    return found

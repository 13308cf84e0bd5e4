"""Usage events as they were accepted."""

from django.db import models
from django.utils import timezone

from accounts.models import TenantOwned
from usage.models.fields import ByteOrderedCharField, ExactJSONField


class UsageEvent(TenantOwned):
    """One accepted event, never changed. `event_id` is unique in its tenant for ever.

    `timestamp` is when the usage happened (UTC), `received_at` when we accepted it.
    """

    event_id = ByteOrderedCharField(max_length=255)
    timestamp = models.DateTimeField()
    user_id = ByteOrderedCharField(max_length=255)
    service_type = ByteOrderedCharField(max_length=50)
    service_provider = ByteOrderedCharField(max_length=255)
    event_type = ByteOrderedCharField(max_length=255)
    metrics = ExactJSONField(default=dict)
    billing_info = ExactJSONField(default=dict)
    tags = ExactJSONField(default=list)
    metadata = ExactJSONField(default=dict)
    session_id = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=255, blank=True)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-timestamp", "-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "event_id"], name="event_once")]
        indexes = [
            models.Index(fields=["tenant", "timestamp", "id"], name="event_by_time"),
            models.Index(fields=["tenant", "service_type", "timestamp"], name="event_by_service"),
        ]

    def __str__(self) -> str:
        return str(self.event_id)

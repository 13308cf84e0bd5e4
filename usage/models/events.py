"""Usage events as they were accepted, and the corrections made to them."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.exact import canonical_document
from accounts.models import Massive, TenantOwned, TenantQuerySet
from accounts.models.fields import ByteOrderedCharField, ExactJSONField
from accounts.wire import encode


class EventQuerySet(TenantQuerySet):
    def live(self) -> Self:
        """What counts now: neither voided nor replaced by a later revision."""
        return self.filter(ended_at=None)

    def as_of(self, moment: datetime) -> Self:
        """What counted at `moment`, by what had been accepted until then."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=moment), received_at__lte=moment)

    def counted(self, as_of: datetime | None) -> Self:
        """What counted at `as_of`, or (None) counts now."""
        return self.live() if as_of is None else self.as_of(as_of)


class UsageEvent(Massive):
    """One accepted event. Nothing of it ever changes but `ended_at`.

    `event_id` is taken in its tenant for ever; revision 0 is what was sent, and each amendment adds the next.
    `timestamp` is when the usage happened (UTC), `received_at` when we accepted the revision, and
    `ended_at` when it stopped counting, because it was voided or amended.
    """

    event_id = ByteOrderedCharField(max_length=255)
    revision = models.PositiveSmallIntegerField(default=0, db_default=0)
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
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = EventQuerySet.as_manager()  # type: ignore[misc]  # a more able manager than the base's

    class Meta:
        ordering = ["-timestamp", "-id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "event_id", "revision"], name="event_once")]
        indexes = [
            models.Index(fields=["tenant", "timestamp", "id"], name="event_by_time"),
            models.Index(fields=["tenant", "service_type", "timestamp"], name="event_by_service"),
            models.Index(
                fields=["tenant", "ended_at"], condition=Q(ended_at__isnull=False), name="event_by_end"
            ),
            # What came since a moment lies together: some kilobytes tell where, and cost an insert nothing.
            BrinIndex(fields=["received_at"], name="event_by_receipt"),
        ]

    def __str__(self) -> str:
        return str(self.event_id)


class Correction(TenantOwned):
    """One void or amendment: who changed what and why, signed so that a later change of the row shows.

    `revision` is the one that was ended; an amendment's content is the next revision.
    """

    class Kind(models.TextChoices):
        VOID = "void"
        AMEND = "amend"

    event_id = ByteOrderedCharField(max_length=255)
    revision = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    reason = models.CharField(max_length=2000)
    actor = models.CharField(max_length=320)
    created_at = models.DateTimeField(default=timezone.now)
    changes = ExactJSONField(default=dict, help_text="Field → [before, after].")
    signature = models.CharField(max_length=64)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "event_id", "revision"], name="correction_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.event_id}"

    def sign(self) -> str:
        """HMAC-SHA256 over all that the row says, with the installation's secret."""
        said = [
            str(self.tenant_id),
            self.event_id,
            self.revision,
            self.kind,
            self.reason,
            self.actor,
            self.created_at.isoformat(),
            canonical_document(self.changes),
        ]
        return salted_hmac("usage.correction", encode(said), algorithm="sha256").hexdigest()

    @property
    def is_genuine(self) -> bool:
        return constant_time_compare(self.signature, self.sign())

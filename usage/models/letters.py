"""What did not go into the ledger: events set aside, and repetitions."""

from django.db import models

from accounts.models import TenantOwned, TenantQuerySet
from accounts.models.fields import ByteOrderedCharField, ExactJSONField


class DeadLetter(models.Model):
    """Events that are not in the ledger, kept with the reason, to be mended and replayed.

    `payload` is what came, whatever happens to the letter: the event as sent when it was rejected on arrival,
    else the entry of the queue. `mended` is the event that was stored in its place.
    """

    class Kind(models.TextChoices):
        REFUSED = "refused", "refused by the database"
        CONFLICT = "conflict", "the id is taken by another content"
        REJECTED = "rejected", "rejected on arrival"

    class Status(models.TextChoices):
        DEAD = "dead"
        REPLAYED = "replayed"
        DISMISSED = "dismissed"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("accounts.Tenant", null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.REFUSED)
    entry_id = models.CharField(max_length=64, help_text="The queue's own id of the entry.")
    event_id = models.CharField(max_length=255, blank=True)
    payload = models.TextField()
    reason = models.TextField()
    mended = ExactJSONField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DEAD)
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=320, blank=True, help_text="Who replayed or dismissed it.")
    note = models.CharField(max_length=2000, blank=True, help_text="Why it was dismissed.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["entry_id", "event_id"], name="dead_letter_once")]
        indexes = [
            models.Index(fields=["tenant", "event_id"], name="dead_letter_by_event"),
            models.Index(fields=["tenant", "id"], name="dead_letter_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id or self.entry_id}: {self.reason[:60]}"


class DuplicateReceipt(TenantOwned):
    """The same event came once more. It counts once; this says that and when it was repeated."""

    event_id = ByteOrderedCharField(max_length=255)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "event_id", "received_at"], name="duplicate_once")
        ]

    def __str__(self) -> str:
        return f"{self.event_id} again"

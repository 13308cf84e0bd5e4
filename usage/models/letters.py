"""What could not be stored."""

from django.db import models


class DeadLetter(models.Model):
    """Events that the database would not take, kept whole with the reason, to be replayed."""

    class Status(models.TextChoices):
        DEAD = "dead"
        REPLAYED = "replayed"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("accounts.Tenant", null=True, on_delete=models.PROTECT, related_name="+")
    entry_id = models.CharField(max_length=64, help_text="The queue's own id of the entry.")
    event_id = models.CharField(max_length=255, blank=True)
    payload = models.TextField(help_text="The event, or the entry when it cannot be read, as queued.")
    reason = models.TextField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DEAD)
    created_at = models.DateTimeField(auto_now_add=True)
    replayed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["entry_id", "event_id"], name="dead_letter_once")]

    def __str__(self) -> str:
        return f"{self.event_id or self.entry_id}: {self.reason[:60]}"

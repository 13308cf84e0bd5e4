"""Calls that may be sent again: what the first one was answered."""

from django.db import models

from accounts.models.tenancy import Tenant


class IdempotentCall(models.Model):
    """A POST with an Idempotency-Key, remembered for a day.

    `status` is null while the call is being done. A status without a `body` is a call that was done and
    whose answer is not kept.
    """

    id = models.CharField(primary_key=True, max_length=64, help_text="Keyed hash of tenant, caller and key.")
    tenant = models.ForeignKey(Tenant, null=True, on_delete=models.PROTECT, related_name="+")
    actor = models.CharField(max_length=320)
    fingerprint = models.CharField(max_length=64, help_text="Keyed hash of what was asked.")
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)
    started_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} {self.actor} {self.status or 'in progress'}"

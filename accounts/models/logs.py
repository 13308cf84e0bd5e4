"""What happened: the audit log for the platform, the activity log for the tenant's people."""

from django.db import models
from uuid_utils.compat import uuid7

from accounts.models.tenancy import Massive, Tenant, TenantOwned


class AuditEntry(models.Model):
    """Append-only: who did what to which object, written in the transaction of the deed itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # As in Massive, but that what the platform does belongs to nobody.
    tenant = models.ForeignKey(
        Tenant, null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=320, help_text="user:<email>, key:<prefix>, master or system")
    action = models.CharField(max_length=64, help_text="<noun>.<verb>")
    object_type = models.CharField(max_length=64, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    changes = models.JSONField(default=dict, help_text="Field → [before, after]; never a secret.")
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["tenant", "-at"], name="audit_tenant_at"),
            models.Index(fields=["object_type", "object_id"], name="audit_object"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.action}"


class ActivityCounter(TenantOwned):
    """The last sequence number of a tenant; its row lock gives the entries one order."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="+")
    last_seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.tenant}: {self.last_seq}"


class ActivityEntry(Massive):
    """One message of a tenant's activity stream, e.g. `api_key.created`."""

    seq = models.BigIntegerField()
    type = models.CharField(max_length=64)
    ts = models.DateTimeField()
    actor = models.CharField(max_length=320, blank=True)
    payload = models.JSONField(default=dict)

    class Meta:
        ordering = ["-seq"]
        verbose_name_plural = "activity entries"
        constraints = [models.UniqueConstraint(fields=["tenant", "seq"], name="activity_seq_once")]

    def __str__(self) -> str:
        return f"{self.tenant} #{self.seq} {self.type}"

"""Resources, and what changed about them."""

from django.db import models
from django.utils import timezone

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ByteOrderedCharField, ExactJSONField, NumericField
from inventory.models.accounts import CloudAccount
from inventory.models.imports import Import

ID_LENGTH = 600  # four bytes each at most: an entry of an index holds no more


class Resource(TenantOwned):
    """A machine, bucket, database … as it was last told of.

    `created_at` is when the provider made it, `first_seen_at` when we first heard of it, `last_seen_at` when
    we last did. The costs are what its source estimates, in `currency`; what was billed is in CostLine.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    cloud_account = models.ForeignKey(
        CloudAccount, null=True, on_delete=models.PROTECT, related_name="resources"
    )
    provider = ByteOrderedCharField(max_length=32)
    resource_id = ByteOrderedCharField(max_length=ID_LENGTH, help_text="What the provider calls it.")
    name = models.CharField(max_length=255, blank=True)
    resource_type = ByteOrderedCharField(max_length=255)
    region = ByteOrderedCharField(max_length=255, blank=True)
    state = ByteOrderedCharField(max_length=63)
    tags = ExactJSONField(default=dict)
    utilization = ExactJSONField(default=dict, help_text='Figures, e.g. {"cpu": 3.5, "memory": 40}.')
    details = ExactJSONField(default=dict, help_text='What else it is said to be, e.g. {"size": "m5.large"}.')
    cost_daily = NumericField(null=True)
    cost_monthly = NumericField(null=True)
    currency = ByteOrderedCharField(max_length=3)
    created_at = models.DateTimeField()
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider", "resource_id"], name="resource_once")
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="resource_newest")]

    def __str__(self) -> str:
        return self.name or str(self.resource_id)


class ResourceChange(TenantOwned):
    """One step of a resource's history; `changes` holds field → [before, after], nothing when it was new."""

    class Kind(models.TextChoices):
        CREATED = "created"
        CHANGED = "changed"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="history", db_index=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=320)
    source_import = models.ForeignKey(Import, null=True, on_delete=models.PROTECT, related_name="+")
    changes = ExactJSONField(default=dict)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["resource", "-id"], name="resource_change_of"),
            models.Index(fields=["tenant", "at"], name="resource_change_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"

"""Where resources live and what is billed: a tenant's accounts with its providers."""

from django.db import models

from accounts.models import Tenant, TenantOwned
from accounts.models.fields import ByteOrderedCharField


class CloudAccount(TenantOwned):
    """An account, subscription or project. One that a row names for the first time is made for it."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    provider = ByteOrderedCharField(max_length=32, help_text="aws, azure, gcp, gcore or any other name.")
    account_id = ByteOrderedCharField(max_length=255, help_text="What the provider calls it.")
    name = models.CharField(max_length=255, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["provider", "account_id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider", "account_id"], name="cloud_account_once")
        ]

    def __str__(self) -> str:
        return f"{self.provider} · {self.name or self.account_id}"

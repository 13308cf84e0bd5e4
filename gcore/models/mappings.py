"""Which of the reseller's customers at Gcore a tenant is."""

from django.core.validators import RegexValidator
from django.db import models

from accounts.models import TenantOwned
from gcore.models.accounts import GcoreAccount


class ClientMapping(TenantOwned):
    """Opens one Gcore client to a tenant: what is not mapped to it, it never sees."""

    account = models.ForeignKey(GcoreAccount, on_delete=models.PROTECT, related_name="+")
    client_id = models.CharField(
        max_length=20,
        validators=[RegexValidator(r"\A[0-9]+\Z", "Give the number of a Gcore client.")],
        verbose_name="Gcore client id",
    )
    name = models.CharField(max_length=255, blank=True, help_text="The customer's name at Gcore.")
    is_imported = models.BooleanField(
        default=True, help_text="Its usage and costs come into the tenant's ledger every night."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["client_id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "account", "client_id"], name="client_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.client_id} · {self.tenant}"

"""For how long a tenant's data are kept that nothing is billed from."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models.tenancy import Tenant, TenantOwned


def days(help_text: str) -> Any:
    bounds = [MinValueValidator(1), MaxValueValidator(36_500)]
    return models.PositiveIntegerField(null=True, blank=True, validators=bounds, help_text=help_text)


class RetentionPolicy(TenantOwned):
    """Days for which a tenant's data are kept, where they are not the settings'. Audit entries always are."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, related_name="+")
    activity_days = days("Entries of the activity stream; empty: ACTIVITY_RETENTION_DAYS.")
    delivery_days = days("Webhooks and mails that ended; empty: DELIVERY_RETENTION_DAYS.")
    upload_days = days("Uploaded files that nobody confirmed; empty: UPLOAD_RETENTION_DAYS.")
    report_days = days("Raw files of providers' reports; empty: REPORT_RETENTION_DAYS.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["tenant__slug"]
        verbose_name_plural = "retention policies"

    def __str__(self) -> str:
        return f"Retention of {self.tenant}"

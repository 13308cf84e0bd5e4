"""The reseller's accounts at Gcore."""

from typing import Final

from django.core.validators import URLValidator
from django.db import models
from uuid_utils.compat import uuid7

from gcore.client import Generation
from gcore.client.credentials import PUBLIC_BASE

DEFAULT: Final = "default"


class GcoreAccount(models.Model):
    """The platform's access to Gcore. The secrets are kept encrypted.

    The one named `default` is what the environment says (GCORE_USERNAME and so on) until it is given
    credentials of its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(max_length=63, unique=True)
    api_base = models.CharField(
        max_length=255,
        default=PUBLIC_BASE,
        validators=[URLValidator(["https", "http"])],
        verbose_name="API base",
    )
    username = models.CharField(max_length=255, blank=True)
    sealed_password = models.TextField(blank=True, editable=False)
    sealed_api_token = models.TextField(blank=True, editable=False)
    generation = models.CharField(
        max_length=16,
        choices=[(one.value, one.value) for one in Generation],
        default=Generation.CURRENT.value,
        help_text="Of the billing paths: those published since September 2025, or those before.",
    )
    report_template = models.CharField(
        max_length=100, blank=True, help_text="Empty: the newest ResellerStatistics that Gcore lists."
    )
    end_is_exclusive = models.BooleanField(
        default=False, help_text="This Gcore leaves a report's last day out unless the day after it is named."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_credentials(self) -> bool:
        return bool(self.sealed_api_token or (self.username and self.sealed_password))

"""API keys: shown once, kept as a keyed hash."""

from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from accounts.models.tenancy import TenantOwned, TenantQuerySet


class Scope(models.TextChoices):
    """`read` < `write` < `admin`; `ingest` and `build` allow only events and build reports."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    INGEST = "ingest"
    BUILD = "build"


def validate_scopes(value: Any) -> None:
    if not isinstance(value, list) or not value or not set(map(str, value)) <= set(Scope.values):
        raise ValidationError(f"Give one or more of: {', '.join(Scope.values)}.")


class ApiKeyQuerySet(TenantQuerySet):
    def live(self) -> Self:
        """Those whose `is_active` is true."""
        endless = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(endless, revoked_at=None)


class ApiKey(TenantOwned):
    """A key of a tenant; with `user` set it is that person's token and ends with their membership."""

    name = models.CharField(max_length=255)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="api_keys"
    )
    prefix = models.CharField(max_length=12, db_index=True, editable=False)
    key_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(default=list, validators=[validate_scopes])
    rate_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Requests per minute of this key; empty: the setting's.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    rotated_from = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="successors"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiKeyQuerySet.as_manager()  # type: ignore[misc]  # the stubs see two kinds of variable

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        constraints = [models.UniqueConstraint(fields=["tenant", "key_hash"], name="api_key_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_active(self) -> bool:
        """Neither revoked nor expired; its tenant and person may still bar it."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

"""Refresh tokens as rows, so that each works exactly once, and the identities of other issuers."""

from django.conf import settings
from django.db import models
from uuid_utils.compat import uuid7


class RefreshToken(models.Model):
    """One link of a family that began with one sign-in.

    A token is consumed by a conditional update of `used_at`; a second use ends the whole family.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False, help_text="The token's jti.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="refresh_tokens"
    )
    family = models.UUIDField(db_index=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.user} · {self.created_at:%Y-%m-%d %H:%M}"


class FederatedIdentity(models.Model):
    """A person as an OpenID Connect issuer knows them."""

    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "federated identities"
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_once")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"

"""What a build made, and what it has to remember."""

from django.db import models
from django.utils import timezone

from accounts.models import TenantOwned
from accounts.models.fields import ExactJSONField
from builds.models.builds import Build


class Artifact(TenantOwned):
    """Something stored elsewhere; the bytes are never fetched or deleted from here."""

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="artifacts")
    state_code = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=255)
    type = models.CharField(max_length=50, help_text="Such as ami, qcow2 or manifest.")
    storage_type = models.CharField(max_length=50, help_text="Such as s3, gcs or nfs.")
    path = models.CharField(max_length=2048)
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    checksum = models.CharField(max_length=71, blank=True, help_text="SHA-256 as sha256:<64 hex digits>.")
    is_resumable = models.BooleanField(default=True)
    is_final = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    metadata = ExactJSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "build", "name"], condition=models.Q(deleted_at=None), name="artifact_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Variable(TenantOwned):
    """A value that a pipeline keeps for its resume. A secret one is encrypted, and never shown again."""

    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="variables")
    key = models.CharField(max_length=128)
    value = models.TextField(blank=True, help_text="Encrypted when secret.")
    is_secret = models.BooleanField(default=False)
    required_for_resume = models.BooleanField(default=False)
    set_at_code = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["key"]
        constraints = [models.UniqueConstraint(fields=["tenant", "build", "key"], name="variable_once")]

    def __str__(self) -> str:
        return self.key

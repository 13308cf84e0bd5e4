"""Questions that are asked again."""

from django.db import models

from accounts.models import TenantOwned


class SavedView(TenantOwned):
    """A filter under a name, and for costs what they are grouped by; all of a tenant share it."""

    class Kind(models.TextChoices):
        RESOURCES = "resources"
        COSTS = "costs"

    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    filter = models.CharField(max_length=2000, blank=True)
    group_by = models.CharField(max_length=2000, blank=True, help_text="As of /costs/analytics.")
    actor = models.CharField(max_length=320, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name

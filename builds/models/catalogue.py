"""Platforms, OS versions and image types: shared by the platform's operator, or a tenant's own."""

from contextlib import suppress
from typing import Any, Self
from uuid import UUID

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import Tenant

validate_slug = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]*\Z", "Give small letters, digits, dots, hyphens and underscores, as rhel-8.8."
)


class CatalogueQuerySet(models.QuerySet[Any]):
    def visible_to(self, tenant: Tenant) -> Self:
        """The tenant's own rows and the shared ones."""
        return self.filter(Q(tenant=tenant) | Q(tenant=None))

    def active(self) -> Self:
        return self.filter(deactivated_at=None)

    def named(self, name: str) -> Any:
        """The row of this slug or UUID, or None; a tenant's own goes before a shared one."""
        called = Q(slug=name)
        with suppress(ValueError):  # a slug may look like a UUID too
            called |= Q(pk=UUID(name))
        return self.filter(called).order_by(F("tenant").desc(nulls_last=True)).first()


class Retired(models.Model):
    """Base of what is never deleted but deactivated, as builds go on naming it."""

    slug = models.CharField(max_length=63, validators=[validate_slug])
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    deactivated_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.slug

    @property
    def is_active(self) -> bool:
        return self.deactivated_at is None


def once(noun: str) -> list[models.BaseConstraint]:
    """A slug is had once in a tenant, and once among the shared rows."""
    return [
        models.UniqueConstraint(fields=["tenant", "slug"], name=f"{noun}_once"),
        models.UniqueConstraint(fields=["slug"], condition=Q(tenant=None), name=f"shared_{noun}_once"),
    ]


class CatalogueRow(Retired):
    """Base of the catalogue. A row without a tenant is shared: tenants read it, the platform writes it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Empty: shared by all tenants.",
    )

    objects = CatalogueQuerySet.as_manager()

    class Meta:
        abstract = True


class Platform(CatalogueRow):
    """A cloud, or a part of one, that images are built for."""

    cloud_provider = models.CharField(max_length=50)
    region = models.CharField(max_length=50, blank=True)

    class Meta:
        ordering = ["slug"]
        constraints = once("platform")


class OsVersion(CatalogueRow):
    version = models.CharField(max_length=50)

    class Meta:
        ordering = ["slug"]
        verbose_name = "OS version"
        constraints = once("os_version")


class ImageType(CatalogueRow):
    description = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["slug"]
        constraints = once("image_type")

"""Tenants, who belongs to them, and the base of everything that they own."""

import copy
import zoneinfo
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from uuid_utils.compat import uuid7

if TYPE_CHECKING:
    from accounts.models.users import User


@cache
def time_zones() -> frozenset[str]:
    """Names of the zones that this machine knows, looked for in some thousand files once."""
    return frozenset(zoneinfo.available_timezones())


def validate_time_zone(value: str) -> None:
    if value not in time_zones():
        raise ValidationError(f"{value!r} is not an IANA time zone such as Europe/Berlin.")


def validate_origins(value: Any) -> None:
    """A list of web origins: scheme, host and perhaps a port, nothing after it."""
    if not isinstance(value, list) or len(value) > 50:
        raise ValidationError("Give a list of at most 50 origins.")
    origin = RegexValidator(r"^https?://[A-Za-z0-9.\-]{1,253}(:\d{1,5})?$")
    for item in value:
        try:
            origin(item if isinstance(item, str) else "")
        except ValidationError as error:
            raise ValidationError(f"{item!r} is not an origin such as https://app.example.com.") from error


class Tenant(models.Model):
    """One customer. Never deleted, only made inactive: its ledger outlives it.

    `guest` is set on the tenant that a guest has entered: all that is asked of it is then what they may see.
    """

    guest: "User | None" = None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=255)
    timezone = models.CharField(max_length=63, default="UTC", validators=[validate_time_zone])
    currency = models.CharField(
        max_length=3,
        default="USD",
        validators=[RegexValidator(r"^[A-Z]{3}$", "Give an ISO 4217 code such as EUR.")],
    )
    contact_email = models.EmailField(blank=True)
    cors_origins = models.JSONField(default=list, blank=True, validators=[validate_origins])
    rate_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Requests per minute of the whole tenant; empty: the setting's.",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    def whole(self) -> "Tenant":
        """The same tenant, of which all is seen."""
        found = copy.copy(self)
        found.guest = None
        return found


# What a guest sees of a model's rows: (rows of the tenant, tenant) → those. Rooms enter theirs at the start.
SIGHTS: Final[dict[type[models.Model], Callable[[Any, Tenant], Any]]] = {}


class TenantQuerySet(models.QuerySet[Any]):
    def for_tenant(self, tenant: Tenant) -> Self:
        """The tenant's rows; for a guest those that SIGHTS lets them see, none of a model that it lacks."""
        rows = self.filter(tenant=tenant)
        if tenant.guest is None:
            return rows
        sight = SIGHTS.get(self.model)
        return rows.none() if sight is None else sight(rows, tenant)


class TenantOwned(models.Model):
    """Base of all that belongs to one tenant.

    Unique constraints of subclasses include `tenant`, so that a table can be spread by it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *others: Any) -> Any:
        """A row is found by its tenant as well, on whose server it is, and never leaves it."""
        rows = base_qs.filter(tenant=self.tenant_id)
        kept = [value for value in values if value[0].name != "tenant"]
        return super()._do_update(rows, using, pk_val, kept, *others)


class Massive(TenantOwned):
    """Base of what comes by the million.

    A foreign key of the database's own would look the tenant up for each row, which is a third of what an
    insert costs, and lock that row for it. Tenants are never deleted, and whoever writes such rows has theirs
    at hand. What an index is to find begins with the tenant.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True


class Membership(TenantOwned):
    """A person's role in a tenant. Guests see what is shared with them and nothing else."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"
        VIEWER = "viewer"
        GUEST = "guest"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user: "models.ForeignKey[User, User]" = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "member", "viewer", "guest"]),
                name="membership_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role} of {self.tenant}"

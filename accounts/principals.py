"""Who is calling and what they may do: the one shape that every credential becomes."""

import dataclasses
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.conf import settings

from accounts.errors import NotFound, PermissionRefused, ValidationFailed
from accounts.models import Membership, Scope, Tenant, User

# What guests have, and whoever reads has as well: to see what is shared with them. No key is given it alone.
SHARED: Final = "shared"
# What each scope contains.
GRANTS: Final[dict[str, frozenset[str]]] = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.READ, Scope.WRITE, Scope.INGEST, Scope.BUILD}),
    Scope.ADMIN: frozenset(Scope.values),
    Scope.INGEST: frozenset({Scope.INGEST}),
    Scope.BUILD: frozenset({Scope.BUILD}),
    SHARED: frozenset({SHARED}),
}
ROLE_SCOPE: Final[dict[str, str]] = {
    Membership.Role.OWNER: Scope.ADMIN,
    Membership.Role.ADMIN: Scope.ADMIN,
    Membership.Role.MEMBER: Scope.WRITE,
    Membership.Role.VIEWER: Scope.READ,
    Membership.Role.GUEST: SHARED,
}


def granted(scopes: "list[str] | tuple[str, ...]") -> frozenset[str]:
    return frozenset().union(*(GRANTS.get(scope, frozenset()) for scope in scopes))


@dataclasses.dataclass(frozen=True, slots=True)
class Principal:
    """A caller. `tenant` and `scopes` are set for a key at once, for a person on entering a tenant."""

    kind: Literal["api_key", "user", "master", "system"]
    actor: str
    tenant: Tenant | None = None
    scopes: frozenset[str] = frozenset()
    user: User | None = None
    role: str = ""
    key_id: UUID | None = None
    key_prefix: str = ""
    rate_limit: int | None = None
    expires_at: datetime | None = None
    platform: bool = False

    def allows(self, scope: str) -> bool:
        return scope in self.scopes or (scope == SHARED and Scope.READ in self.scopes)

    def require(self, scope: str) -> None:
        if not self.allows(scope):
            raise PermissionRefused(f"This needs the scope '{scope}', which the credential does not have.")

    @property
    def home(self) -> Tenant:
        """The tenant that this caller acts in."""
        if self.tenant is None:
            raise PermissionRefused("This credential has not entered a tenant.")
        return self.tenant

    def enter(self, name: str | None) -> "Principal":
        """The same caller inside one tenant, named by slug or UUID.

        Errors: 403 for a tenant that is not theirs, whether it exists or not; for platform staff and
        the master token 400 when they have to name one and 404 when there is none of that name.
        """
        if self.kind == "api_key":
            if name is None or is_named(self.home, name):
                return self
            raise PermissionRefused("The API key belongs to another tenant.")
        if self.platform:
            return self._enter_as_platform(name)
        return self._enter_as_member(name)

    def _enter_as_platform(self, name: str | None) -> "Principal":
        tenant = find_tenant(name) if name else only_tenant(self.user)
        if tenant is None and name is None:
            raise ValidationFailed.field("tenant_id", "name the tenant (X-Tenant-ID or tenant_id).")
        if tenant is None:
            raise NotFound("There is no tenant of that name.")
        return dataclasses.replace(self, tenant=tenant, scopes=GRANTS[Scope.ADMIN], role="platform")

    def _enter_as_member(self, name: str | None) -> "Principal":
        """Without a name the tenant joined first, so that nobody's invitation changes what a call means."""
        memberships = Membership.objects.filter(user=self.user, tenant__is_active=True)
        joined = memberships.select_related("tenant").order_by("created_at", "pk")
        member = next((m for m in joined if name is None or is_named(m.tenant, name)), None)
        if member is None:
            raise PermissionRefused("You are not a member of that tenant.")
        if member.role == Membership.Role.GUEST:
            member.tenant.guest = self.user
        return dataclasses.replace(
            self, tenant=member.tenant, scopes=GRANTS[ROLE_SCOPE[member.role]], role=member.role
        )


SYSTEM: Final = Principal(kind="system", actor="system", scopes=GRANTS[Scope.ADMIN], platform=True)


def is_named(tenant: Tenant, name: str) -> bool:
    return name == tenant.slug or name.lower() == str(tenant.id)


def find_tenant(name: str) -> Tenant | None:
    """An active tenant by slug or UUID."""
    if "\x00" in name:  # PostgreSQL cannot even be asked
        return None
    try:
        found = Tenant.objects.filter(id=UUID(name), is_active=True).first()
    except ValueError:
        found = None
    return found or Tenant.objects.filter(slug=name[:63], is_active=True).first()


def only_tenant(user: User | None) -> Tenant | None:
    """The tenant of somebody who belongs to exactly one."""
    if user is None:
        return None
    tenants = Tenant.objects.filter(memberships__user=user, is_active=True)[:2]
    return tenants[0] if len(tenants) == 1 else None


def user_principal(user: User) -> Principal:
    return Principal(kind="user", actor=f"user:{user.email}", user=user, platform=is_platform(user))


def is_platform(user: User) -> bool:
    """A platform administrator, or a verified address in one of ADMIN_EMAIL_DOMAINS."""
    domain = user.email.rpartition("@")[2].lower()
    return user.is_superuser or (user.email_verified and domain in settings.ADMIN_EMAIL_DOMAINS)

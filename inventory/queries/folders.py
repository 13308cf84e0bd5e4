"""The tree of folders, and what somebody may do in each.

Only here are folders read past what a guest may see, to find out what that is.
"""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from accounts.errors import NotFound, PermissionRefused
from accounts.models import Membership, Scope, Tenant
from accounts.principals import Principal
from inventory.models import Folder, FolderPermission, Product

Level = FolderPermission.Level
RANKS: Final = {str(level): rank for rank, level in enumerate(Level)}
Levels = dict[UUID, str]
Parents = dict[UUID, UUID | None]


def parents_of(tenant: Tenant) -> Parents:
    """All folders of the tenant, each with the one that it is in."""
    return dict(Folder.objects.filter(tenant=tenant).values_list("pk", "parent_id"))


def chain(folder_id: UUID, parents: Parents) -> list[UUID]:
    """A folder and all that it is in, from the inside to the outside."""
    found: list[UUID] = []
    at: UUID | None = folder_id
    while at is not None and at in parents:
        found.append(at)
        at = parents[at]
    return found


def granted_levels(tenant: Tenant, email: str) -> Levels:
    """What an address was given, inherited down; nothing of folders in which it was given nothing."""
    rows = FolderPermission.objects.filter(tenant=tenant, email=email.lower())
    given = dict(rows.values_list("folder_id", "level"))
    if not given:
        return {}
    parents = parents_of(tenant)
    levels = {folder: _highest(given.get(at) for at in chain(folder, parents)) for folder in parents}
    return {folder: level for folder, level in levels.items() if level is not None}


def guest_levels(tenant: Tenant) -> Levels:
    """What the guest who entered the tenant was given. Nothing until their address is proven."""
    guest = tenant.guest
    return granted_levels(tenant, guest.email) if guest is not None and guest.email_verified else {}


def levels_of(by: Principal) -> Levels:
    """What the caller may do in each folder that they see.

    Admins and the platform manage all, members edit all and viewers view all, and each what they were given.
    """
    tenant = by.home
    if tenant.guest is not None:
        return guest_levels(tenant)
    given = granted_levels(tenant, by.user.email) if by.user is not None and by.kind == "user" else {}
    base = _base(by)
    levels = {folder: _highest((base, given.get(folder))) for folder in parents_of(tenant)}
    return {folder: level for folder, level in levels.items() if level is not None}


def require_level(by: Principal, folder_id: UUID, level: str) -> None:
    """404 for a folder that the caller does not see, 403 for one in which they may do less."""
    found = levels_of(by).get(folder_id)
    if found is None:
        raise NotFound("There is no such folder.")
    if RANKS[found] < RANKS[level]:
        raise PermissionRefused(f"This needs the right to {level} the folder; yours is to {found} it.")


def folder_paths(tenant: Tenant) -> dict[UUID, str]:
    """`Shops/Web` for each folder that is seen in the tenant; for guests from the first that they see."""
    rows = Folder.objects.for_tenant(tenant).values_list("pk", "parent_id", "name")
    known = {pk: (parent, name.replace("/", "\\/")) for pk, parent, name in rows}
    parents = {pk: parent for pk, (parent, _) in known.items()}
    return {pk: "/".join(known[at][1] for at in reversed(chain(pk, parents))) for pk in known}


def products_seen(tenant: Tenant) -> QuerySet[Product]:
    """The products that are seen in the tenant, the first made first."""
    rows: QuerySet[Product] = Product.objects.for_tenant(tenant).order_by("pk")
    return rows


def guests_of(tenant: Tenant, email: str) -> QuerySet[Membership]:
    """The membership of the guest of this address, if there is one."""
    rows: QuerySet[Membership] = Membership.objects.for_tenant(tenant).filter(
        user__email=email, role=Membership.Role.GUEST
    )
    return rows.select_related("user", "tenant")


def _base(by: Principal) -> str | None:
    scopes = ((Scope.ADMIN, Level.MANAGE), (Scope.WRITE, Level.EDIT), (Scope.READ, Level.VIEW))
    return next((level.value for scope, level in scopes if by.allows(scope)), None)


def _highest(levels: Iterable[str | None]) -> str | None:
    return max((level for level in levels if level), key=RANKS.__getitem__, default=None)

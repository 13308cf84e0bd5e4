"""Rights in folders, given to addresses. Whoever has not proven theirs yet is invited, as a guest."""

from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import Conflict
from accounts.models import Invitation, Membership, Tenant, User
from accounts.principals import Principal
from accounts.rows import row_check, row_locked
from accounts.services.invitations import invitation_send, invitation_withdraw
from accounts.services.logs import deed
from accounts.services.tenants import member_add, member_remove, tenant_lock
from inventory.models import Folder, FolderPermission
from inventory.queries.folders import Level, guests_of, require_level

MOST: Final = 500  # of a folder
GUEST: Final = Membership.Role.GUEST


@transaction.atomic
def folder_permission_grant(
    *, by: Principal, folder: Folder, email: str, level: str = Level.VIEW.value
) -> FolderPermission:
    """Give an address a right in a folder and all below it.

    Who is no member of the tenant becomes its guest: at once with an account that has proven the address,
    else by a mailed invitation. Errors: 400, 403, 404; 409 the address has a right there, or there are too
    many.
    """
    tenant = tenant_lock(folder.tenant)
    require_level(by, folder.pk, Level.MANAGE)
    if FolderPermission.objects.for_tenant(tenant).filter(folder=folder).count() >= MOST:
        raise Conflict(f"A folder has rights of at most {MOST} people.")
    permission = FolderPermission(tenant=tenant, folder=folder, email=email.lower(), level=level)
    row_check(permission)
    try:
        with transaction.atomic():
            permission.save()
    except IntegrityError as error:
        raise Conflict("That person has a right in the folder already; change it.") from error
    _log(by, "folder_permission.granted", permission, [None, level])
    _let_in(by, permission)
    return permission


@transaction.atomic
def folder_permission_change(*, by: Principal, permission: FolderPermission, level: str) -> FolderPermission:
    """Another level. Errors: 403, 404; 409 the folder's creator, who always manages it."""
    row = _changeable(by, permission)
    before, row.level = row.level, level
    row_check(row)
    row.save()
    _log(by, "folder_permission.changed", row, [before, level])
    return row


@transaction.atomic
def folder_permission_revoke(*, by: Principal, permission: FolderPermission) -> None:
    """Take a right back; a guest without any is none any more, nor invited. Errors: 403, 404, 409."""
    row = _changeable(by, permission)
    _log(by, "folder_permission.revoked", row, [row.level, None])
    row.delete()
    guest_leave(by=by, tenant=row.tenant, email=row.email)


def guest_leave(*, by: Principal, tenant: Tenant, email: str) -> None:
    """End what a guest was in a tenant locked by the caller, unless a right in any folder is left to them."""
    if FolderPermission.objects.for_tenant(tenant).filter(email=email).exists():
        return
    for member in guests_of(tenant, email):
        member_remove(by=by, member=member)
    for invitation in _invited(tenant, email).filter(role=GUEST):
        invitation_withdraw(by=by, tenant=tenant, invitation_id=invitation.pk)


def _changeable(by: Principal, permission: FolderPermission) -> FolderPermission:
    tenant_lock(permission.tenant)
    require_level(by, permission.folder_id, Level.MANAGE)
    row = row_locked(permission)
    if row.email == row.folder.creator:
        raise Conflict("Whoever created a folder always manages it.")
    return row


def _let_in(by: Principal, permission: FolderPermission) -> None:
    tenant, email = permission.tenant, permission.email
    if Membership.objects.for_tenant(tenant).filter(user__email=email).exists():
        return
    proven = User.objects.filter(email=email, email_verified=True).first()
    if proven is not None:
        member_add(by=by, tenant=tenant, user=proven, role=GUEST)
    elif not _invited(tenant, email).filter(expires_at__gt=timezone.now()).exists():
        invitation_send(by=by, tenant=tenant, email=email, role=GUEST)


def _invited(tenant: Tenant, email: str) -> Any:
    return Invitation.objects.for_tenant(tenant).filter(email=email, accepted_at=None, withdrawn_at=None)


def _log(by: Principal, action: str, permission: FolderPermission, level: list[Any]) -> None:
    payload = {"folder_id": str(permission.folder_id), "email": permission.email, "level": permission.level}
    tenant = permission.tenant
    deed(by=by, action=action, tenant=tenant, subject=permission, changes={"level": level}, payload=payload)

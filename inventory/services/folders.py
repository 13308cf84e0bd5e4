"""Folders: made, changed, moved and removed by those who have the right to."""

from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from accounts.errors import Conflict, ValidationFailed
from accounts.models import Scope, Tenant
from accounts.principals import Principal
from accounts.rows import row_check, row_locked
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.models import Folder, FolderPermission
from inventory.queries.folders import Level, chain, parents_of, require_level
from inventory.services.folder_permissions import guest_leave

MOST: Final = 1000  # of a tenant: the tree is read as a whole
DEEPEST: Final = 20


@transaction.atomic
def folder_create(*, by: Principal, tenant: Tenant, parent_id: UUID | None = None, **fields: Any) -> Folder:
    """A new folder, which its creator manages; `fields` are name, description and owner.

    At the top it needs the scope `write`, in another folder the right to edit that. Errors: 400, 403, 404;
    409 the name is taken there, or there are too many.
    """
    tenant = tenant_lock(tenant)
    _require_place(by, parent_id)
    if Folder.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} folders.")
    folder = Folder(tenant=tenant, parent_id=parent_id, creator=person_of(by), **fields)
    folder.owner = folder.owner or folder.creator
    _require_shallow(folder)
    _save(folder)
    if folder.creator:
        FolderPermission.objects.create(
            tenant=tenant, folder=folder, email=folder.creator, level=Level.MANAGE
        )
    _log(by, "folder.created", folder)
    return folder


@transaction.atomic
def folder_update(*, by: Principal, folder: Folder, changes: dict[str, Any]) -> Folder:
    """Change name, description, owner, or `parent_id`, for which one manages the folder and may add there.

    Errors: 400 into itself; 403, 404; 409 the name is taken there.
    """
    tenant_lock(folder.tenant)
    row = row_locked(folder)
    changes = {name: value for name, value in changes.items() if getattr(row, name) != value}
    require_level(by, row.pk, Level.MANAGE if "parent_id" in changes else Level.EDIT)
    before = {name: [_plain(getattr(row, name)), _plain(value)] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    if "parent_id" in changes:
        _require_place(by, row.parent_id)
        _require_shallow(row)
    _save(row)
    _log(by, "folder.updated", row, before)
    return row


@transaction.atomic
def folder_delete(*, by: Principal, folder: Folder) -> None:
    """Remove an empty folder with the rights in it; a guest without any other is none any more.

    Errors: 403, 404; 409 something is in it.
    """
    tenant = tenant_lock(folder.tenant)
    require_level(by, folder.pk, Level.MANAGE)
    _log(by, "folder.deleted", folder)
    emails = list(folder.permissions.values_list("email", flat=True))
    try:
        folder.delete()
    except ProtectedError as error:
        raise Conflict("The folder is not empty, or a rule of showback names it.") from error
    for email in emails:
        guest_leave(by=by, tenant=tenant, email=email)


def person_of(by: Principal) -> str:
    """The address of the person who calls; keys and the platform's token are nobody."""
    return by.user.email if by.kind == "user" and by.user is not None else ""


def _require_place(by: Principal, parent_id: UUID | None) -> None:
    if parent_id is None:
        by.require(Scope.WRITE)
    else:
        require_level(by, parent_id, Level.EDIT)


def _require_shallow(folder: Folder) -> None:
    parents = {**parents_of(folder.tenant), folder.pk: folder.parent_id}
    above = chain(folder.parent_id, {**parents, folder.pk: None}) if folder.parent_id else []
    if folder.pk in above:
        raise ValidationFailed.field("parent_id", "a folder cannot be inside itself.")
    below = max(len(chain(pk, parents)) for pk in parents if folder.pk in chain(pk, parents))
    if below > DEEPEST:
        raise ValidationFailed.field("parent_id", f"folders are at most {DEEPEST} deep.")


def _save(folder: Folder) -> None:
    row_check(folder)
    try:
        with transaction.atomic():
            folder.save()
    except IntegrityError as error:
        raise Conflict(f"There is a folder {folder.name!r} already.") from error


def _log(by: Principal, action: str, folder: Folder, changes: dict[str, Any] | None = None) -> None:
    payload = {"folder_id": str(folder.pk), "name": folder.name}
    deed(by=by, action=action, tenant=folder.tenant, subject=folder, changes=changes, payload=payload)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value

"""Tenants and who belongs to them. A tenant always keeps one active owner."""

from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.errors import Conflict, NotFound, PermissionRefused
from accounts.models import Membership, Tenant, User
from accounts.principals import GRANTS, ROLE_SCOPE, Principal, granted
from accounts.services.logs import deed
from accounts.services.revocation import api_keys_revoke, live_tokens

EDITABLE: Final = frozenset({"name", "timezone", "currency", "contact_email", "cors_origins"})
OWNER: Final = Membership.Role.OWNER


@transaction.atomic
def tenant_create(*, by: Principal, slug: str, name: str, owner: User | None = None, **fields: Any) -> Tenant:
    """A new tenant, for platform administrators; 409 when the slug is taken."""
    if not by.platform:
        raise PermissionRefused("Only platform administrators create tenants.")
    tenant = Tenant(slug=slug, name=name, **fields)
    tenant.full_clean(validate_unique=False)
    try:
        with transaction.atomic():
            tenant.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"There is already a tenant {slug!r}.") from error
    deed(by=by, action="tenant.created", tenant=tenant, subject=tenant, payload={"slug": slug})
    if owner is not None:
        member_add(by=by, tenant=tenant, user=owner, role=OWNER)
    return tenant


@transaction.atomic
def tenant_update(*, by: Principal, tenant: Tenant, changes: dict[str, Any]) -> Tenant:
    """Change a tenant's own fields; its limits are the platform's to set (403)."""
    if not by.platform and (refused := changes.keys() - EDITABLE):
        raise PermissionRefused(f"Only platform administrators change: {', '.join(sorted(refused))}.")
    row = tenant_lock(tenant)
    before = {name: [getattr(row, name), value] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()
    deed(by=by, action="tenant.updated", tenant=row, subject=row, changes=before)
    return row


@transaction.atomic
def member_add(*, by: Principal, tenant: Tenant, user: User, role: str) -> Membership:
    """Give a person a role; 409 when they have one already."""
    tenant_lock(tenant)
    require_rank(by, role)
    member, created = member_join(by=by, tenant=tenant, user=user, role=role)
    if not created:
        raise Conflict("That person is a member already.")
    return member


@transaction.atomic
def member_join(*, by: Principal, tenant: Tenant, user: User, role: str) -> tuple[Membership, bool]:
    """The membership of somebody who was let in, in a tenant locked by the caller; whether it is new."""
    member, created = Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": role})
    if created:
        _log(by, "member.added", member, {"role": [None, role]})
    return member, created


@transaction.atomic
def member_set_role(*, by: Principal, member: Membership, role: str) -> Membership:
    """Change a role; the person's own tokens that are stronger than it end. 409 for the last owner."""
    tenant_lock(member.tenant)
    before = member.role
    if before == role:
        return member
    if before == OWNER:
        require_other_owner(tenant=member.tenant, user=member.user)
    require_rank(by, before, role)
    member.role = role
    member.save(update_fields=["role"])
    allowed = GRANTS[ROLE_SCOPE[role]]
    stronger = [k for k in _tokens(member) if not granted(k.scopes) <= allowed]
    api_keys_revoke(by=by, keys=stronger)
    _log(by, "member.role_changed", member, {"role": [before, role]})
    return member


@transaction.atomic
def member_remove(*, by: Principal, member: Membership) -> None:
    """End a membership, and with it the person's own tokens in the tenant. 409 for the last owner."""
    tenant_lock(member.tenant)
    if member.role == OWNER:
        require_other_owner(tenant=member.tenant, user=member.user)
    require_rank(by, member.role)
    api_keys_revoke(by=by, keys=_tokens(member))
    _log(by, "member.removed", member, {"role": [member.role, None]})
    member.delete()


def tenant_lock(tenant: Tenant) -> Tenant:
    """The tenant's row, locked until commit, so that two last owners cannot leave at the same moment."""
    return Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)


def require_other_owner(*, tenant: Tenant, user: User) -> None:
    """409 unless an active owner besides this person remains."""
    others = Membership.objects.for_tenant(tenant).filter(role=OWNER, user__is_active=True)
    if not others.exclude(user=user).exists():
        raise Conflict(f"This is the last active owner of {tenant.slug!r}; make somebody else owner first.")


def member_of(*, tenant: Tenant, user_id: UUID) -> Membership:
    """The person's membership, or NotFound."""
    rows = Membership.objects.for_tenant(tenant)
    found: Membership | None = rows.filter(user_id=user_id).select_related("tenant", "user").first()
    if found is None:
        raise NotFound("That person is not a member of the tenant.")
    return found


def require_rank(by: Principal, *roles: str) -> None:
    """Owners are made and unmade by owners and by the platform, so that no admin can seize a tenant."""
    if OWNER in roles and not by.platform and by.role != OWNER:
        raise PermissionRefused("Only an owner of the tenant, or the platform, may do this to an owner.")


def _tokens(member: Membership) -> Any:
    return live_tokens(member.user).filter(tenant=member.tenant)


def _log(by: Principal, action: str, member: Membership, changes: dict[str, Any]) -> None:
    payload = {"user_id": str(member.user.pk), "role": member.role}
    deed(by=by, action=action, tenant=member.tenant, subject=member, changes=changes, payload=payload)

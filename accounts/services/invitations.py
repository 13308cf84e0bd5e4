"""Invitations into a tenant, for people who have an account and for those who have none."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone

from accounts.errors import Conflict, InvalidToken, NotFound, PermissionRefused, ValidationFailed
from accounts.models import Invitation, MailKind, Membership, Tenant, User
from accounts.principals import Principal, user_principal
from accounts.services.deliveries import notify
from accounts.services.logs import deed
from accounts.services.sessions import ANONYMOUS, user_lock
from accounts.services.tenants import member_join, require_rank, tenant_lock
from accounts.services.users import password_set, user_create

INVITATION_MAIL: Final = "invitation.sent"
SALT: Final = "accounts.invitation"
LIFETIME: Final = timedelta(days=7)
MOST: Final = 100  # open ones of a tenant


@transaction.atomic
def invitation_send(*, by: Principal, tenant: Tenant, email: str, role: str) -> Invitation:
    """Mail a link that works once and for a week; sent again, the link of before lives on.

    Errors: 403 an owner invited by somebody who is none; 409 a member already, or too many are open.
    """
    tenant_lock(tenant)
    require_rank(by, role)
    email = email.lower()
    if Membership.objects.for_tenant(tenant).filter(user__email=email).exists():
        raise Conflict("That person is a member already.")
    told = {"role": role, "invited_by": by.actor, "expires_at": timezone.now() + LIFETIME}
    if _open(tenant).exclude(email=email).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} open invitations.")
    invitation: Invitation
    invitation, _ = _open(tenant).update_or_create(tenant=tenant, email=email, defaults=told)
    _log(by, INVITATION_MAIL, invitation)
    # With the id alone: the link is made where it is sent, and never lies anywhere.
    payload = {"invitation_id": str(invitation.pk)}
    notify(tenant=tenant, type=INVITATION_MAIL, to=[email], payload=payload, kind=MailKind.ACCOUNT)
    return invitation


@transaction.atomic
def invitation_withdraw(*, by: Principal, tenant: Tenant, invitation_id: UUID) -> None:
    """End an invitation. Errors: 404 there is no open one."""
    invitation = _open(tenant).filter(pk=invitation_id).first()
    if invitation is None or not _close(invitation, "withdrawn_at"):
        raise NotFound("There is no such open invitation.")
    _log(by, "invitation.withdrawn", invitation)


def invitation_context(payload: dict[str, Any]) -> dict[str, Any]:
    """What the mail tells; NotFound when the invitation ended meanwhile."""
    found = _found(payload["invitation_id"])
    if found is None:
        raise NotFound("The invitation is not open any more.")
    return {
        "tenant": found.tenant.name,
        "role": found.role,
        "invited_by": found.invited_by.removeprefix("user:"),
        "days": LIFETIME.days,
        "url": f"{settings.PUBLIC_URL}/console/invitation/{signing.dumps(found.pk.hex, salt=SALT)}",
    }


def invitation_read(code: str) -> Invitation:
    """The open invitation of a mailed code. Errors: InvalidToken."""
    try:
        pk = signing.loads(code, salt=SALT)
    except signing.BadSignature as error:
        raise _invalid() from error
    found = _found(pk)
    if found is None:
        raise _invalid()
    return found


def needs_password(invitation: Invitation) -> bool:
    """Whether accepting it sets one.

    So it does where there is no account, or one that never proved the address: whoever opened that could
    otherwise wait in it for the invitation of somebody else.
    """
    return not User.objects.filter(email=invitation.email, email_verified=True).exists()


@transaction.atomic
def invitation_accept(*, code: str, password: str | None = None, **names: Any) -> Membership:
    """Become a member, with a new account (`names`: first_name, last_name) where there is none.

    Errors: InvalidToken; 400 without a password where one is needed, or with a bad one; 403 the account was
    deactivated.
    """
    invitation = invitation_read(code)
    tenant_lock(invitation.tenant)
    if not _close(invitation, "accepted_at"):
        raise _invalid()
    user = _accepting(invitation, password, names)
    User.objects.filter(pk=user.pk).update(email_verified=True)
    by = user_principal(user)
    member, _ = member_join(by=by, tenant=invitation.tenant, user=user, role=invitation.role)
    _log(by, "invitation.accepted", invitation)
    return member


def _accepting(invitation: Invitation, password: str | None, names: dict[str, Any]) -> User:
    sets = needs_password(invitation)
    if sets and password is None:
        raise ValidationFailed.field("password", "choose one; there is no account of this address yet.")
    known = User.objects.filter(email=invitation.email).first()
    if known is None:
        return user_create(by=ANONYMOUS, email=invitation.email, password=password, **names)
    user = user_lock(known.pk)
    if user is None or not user.is_active:
        raise PermissionRefused("This account was deactivated; ask the platform's administrators.")
    if sets and password is not None:
        password_set(by=user_principal(user), user=user, password=password)
    return user


def _open(tenant: Tenant) -> Any:
    return Invitation.objects.for_tenant(tenant).filter(accepted_at=None, withdrawn_at=None)


def _found(pk: str) -> Invitation | None:
    """The invitation, unless it ended, expired, or its tenant is not active."""
    rows = Invitation.objects.filter(pk=pk, accepted_at=None, withdrawn_at=None, tenant__is_active=True)
    found: Invitation | None = rows.filter(expires_at__gt=timezone.now()).select_related("tenant").first()
    return found


def _close(invitation: Invitation, how: str) -> bool:
    """Of several who try at once, one does."""
    return bool(_open(invitation.tenant).filter(pk=invitation.pk).update(**{how: timezone.now()}))


def _log(by: Principal, action: str, invitation: Invitation) -> None:
    payload = {"email": invitation.email, "role": invitation.role}
    deed(by=by, action=action, tenant=invitation.tenant, subject=invitation, payload=payload)


def _invalid() -> InvalidToken:
    return InvalidToken("This invitation is not valid, has expired or was used before.")

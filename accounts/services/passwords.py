"""Registration and the way back in for those who forgot their password."""

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction

from accounts.errors import InvalidToken, NotFound, PermissionRefused
from accounts.models import MailKind, User
from accounts.principals import user_principal
from accounts.services.deliveries import notify
from accounts.services.logs import audit
from accounts.services.sessions import ANONYMOUS, user_lock
from accounts.services.users import password_set, user_create

RESET_MAIL: Final = "password_reset.requested"


def user_register(*, email: str, password: str, username: str | None) -> User:
    """A person who signs up by themself, without a tenant; 403 when registration is closed, 409 taken."""
    if not settings.ALLOW_PUBLIC_REGISTRATION:
        raise PermissionRefused("Registration is closed; ask an administrator for an account.")
    return user_create(by=ANONYMOUS, email=email, password=password, username=username)


@transaction.atomic
def password_reset_request(*, email: str) -> None:
    """Send a code to an active account's address. The caller learns nothing about whether there is one."""
    user = User.objects.filter(email=email.lower(), is_active=True).first()
    audit(by=ANONYMOUS, action=RESET_MAIL, subject=user)
    if user is not None:
        # With the id alone: the code is made where it is sent, and never lies anywhere.
        payload = {"user_id": str(user.pk)}
        notify(tenant=None, type=RESET_MAIL, to=[user.email], payload=payload, kind=MailKind.ACCOUNT)


def password_reset_context(payload: dict[str, Any]) -> dict[str, Any]:
    """What the mail tells; NotFound when the account ended meanwhile.

    Each attempt makes a new code; the ones before stay good until one is used.
    """
    user = User.objects.filter(pk=payload["user_id"], is_active=True).first()
    if user is None:
        raise NotFound("The account is not active any more.")
    code = f"{user.pk.hex}.{default_token_generator.make_token(user)}"
    return {
        "email": user.email,
        "code": code,
        "url": f"{settings.PUBLIC_URL}/console/new-password/{code}",
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
    }


def password_reset_read(*, code: str) -> User:
    """Whose code it is, as long as it is good. Errors: InvalidToken."""
    pk = _user_id(code)
    return _checked(User.objects.filter(pk=pk).first() if pk else None, code)


@transaction.atomic
def password_reset_confirm(*, code: str, password: str) -> None:
    """Set a new password by a mailed code, which then is used up; the address is proven by it, too."""
    user = _checked(user_lock(_user_id(code)), code)
    password_set(by=user_principal(user), user=user, password=password)
    User.objects.filter(pk=user.pk).update(email_verified=True)


def _checked(user: User | None, code: str) -> User:
    token = code.partition(".")[2]
    if user is None or not user.is_active or not default_token_generator.check_token(user, token):
        raise InvalidToken("The code is not valid, has expired or was used before; ask for another.")
    return user


def _user_id(code: str) -> UUID | None:
    try:
        return UUID(code.partition(".")[0])
    except ValueError:
        return None

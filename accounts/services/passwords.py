"""Registration and the way back in for those who forgot their password."""

from uuid import UUID

from celery import signature
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts.errors import InvalidToken, PermissionRefused
from accounts.models import User
from accounts.principals import user_principal
from accounts.services.logs import audit
from accounts.services.sessions import ANONYMOUS, user_lock
from accounts.services.users import password_set, user_create

MAIL = """Somebody, hopefully you, asked to set a new password for your Skyledger account {email}.

Your code is:

    {code}

Send it with your new password to POST /api/v1/auth/password-reset/confirm. It works once and for
{hours} hours. If it was not you, ignore this mail: nothing has changed.
"""


def user_register(*, email: str, password: str, username: str | None) -> User:
    """A person who signs up by themself, without a tenant; 403 when registration is closed, 409 taken."""
    if not settings.ALLOW_PUBLIC_REGISTRATION:
        raise PermissionRefused("Registration is closed; ask an administrator for an account.")
    return user_create(by=ANONYMOUS, email=email, password=password, username=username)


@transaction.atomic
def password_reset_request(*, email: str) -> None:
    """Send a code to an active account's address. The caller learns nothing about whether there is one."""
    user = User.objects.filter(email=email.lower(), is_active=True).first()
    audit(by=ANONYMOUS, action="password_reset.requested", subject=user)
    if user is None:
        return
    transaction.on_commit(lambda: _mail_soon(str(user.pk)), robust=True)


def _mail_soon(user_id: str) -> None:
    """Queue the mail; while the queue cannot be reached, write it here, as what was accepted is not lost."""
    # By name and with the id alone: the code is made where it is sent, and never lies in a queue.
    try:
        signature("accounts.send_password_reset", kwargs={"user_id": user_id}).delay()
    except OperationalError:
        password_reset_send(user_id=user_id)


def password_reset_send(*, user_id: str) -> None:
    """Write the mail with the code."""
    user = User.objects.get(pk=user_id, is_active=True)
    code = f"{user.pk.hex}.{default_token_generator.make_token(user)}"
    text = MAIL.format(email=user.email, code=code, hours=settings.PASSWORD_RESET_TIMEOUT // 3600)
    send_mail("Set a new Skyledger password", text, None, [user.email])


@transaction.atomic
def password_reset_confirm(*, code: str, password: str) -> None:
    """Set a new password by a mailed code, which then is used up; the address is proven by it, too."""
    user_id, _, token = code.partition(".")
    user = user_lock(_uuid(user_id))
    if user is None or not user.is_active or not default_token_generator.check_token(user, token):
        raise InvalidToken("The code is not valid, has expired or was used before.")
    password_set(by=user_principal(user), user=user, password=password)
    User.objects.filter(pk=user.pk).update(email_verified=True)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""Sign-ins of API clients: a short access token, and a refresh token that works exactly once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, Token
from uuid_utils.compat import uuid7

from accounts.errors import AppError, InvalidToken, SignInRefused
from accounts.models import RefreshToken, User
from accounts.principals import Principal, user_principal
from accounts.services.logs import audit
from accounts.services.second_factor import second_factor_check, second_factor_wanted

ANONYMOUS: Final = Principal(kind="system", actor="anonymous")


class RefreshJWT(Token):
    """Its `jti` is the primary key of a RefreshToken."""

    token_type = "refresh"  # noqa: S105
    lifetime = settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class TokenPair:
    user: User
    access: str
    refresh: str


def user_lock(user_id: Any) -> User | None:
    """The person, their row locked until commit: all that happens to their sessions happens in turn."""
    return User.objects.select_for_update(no_key=True).filter(pk=user_id).first()


def session_sign_in(*, name: str, password: str, code: str = "", method: str = "password") -> TokenPair:
    """A pair for an e-mail address or username and a password, and a one-time code of whoever needs one.

    Errors: SignInRefused; PermissionRefused when a second factor has to be set up first.
    """
    user = authenticate(username=name, password=password)
    if not isinstance(user, User):
        sign_in_refuse(method=method)
        raise SignInRefused
    if second_factor_wanted(user):
        try:
            second_factor_check(user=user, code=code)
        except AppError:
            sign_in_refuse(method=method)
            raise
    return session_open(user=user, method=method)


def sign_in_refuse(*, method: str) -> None:
    """Audit a failed attempt. What was typed is not kept: people type passwords into the wrong field."""
    audit(by=ANONYMOUS, action="session.refused", changes={"method": [None, method]})


@transaction.atomic
def session_open(*, user: User, method: str) -> TokenPair:
    """Begin a family of refresh tokens; it ends REFRESH_TOKEN_LIFETIME from now, however often renewed."""
    person = user_lock(user.pk)
    if person is None or not person.is_active:
        raise SignInRefused
    now = timezone.now()
    User.objects.filter(pk=person.pk).update(last_login=now)
    audit(
        by=user_principal(person),
        action="session.started",
        subject=person,
        changes={"method": [None, method]},
    )
    return _mint(person, uuid7(), now + settings.REFRESH_TOKEN_LIFETIME)


def session_refresh(*, token: str) -> TokenPair:
    """The next pair of a family, or InvalidToken. A token used before ends its family (RFC 9700, 4.14)."""
    claims = _claims(token)
    with transaction.atomic():
        pair = _renew(claims)
    if pair is None:  # raised only now, so that the end of a replayed family stays committed
        raise InvalidToken("The refresh token is not valid, has expired or was used before.")
    return pair


def session_close(*, token: str) -> None:
    """Sign out: end the family of a refresh token. Doing it twice is no error."""
    claims = _claims(token)
    with transaction.atomic():
        user = user_lock(claims["sub"])
        link = RefreshToken.objects.filter(pk=claims["jti"], user=user).first()
        if user is not None and link is not None and _end(family=link.family):
            audit(by=user_principal(user), action="session.ended", subject=user)


def sessions_end(*, user: User) -> int:
    """End all families of a person whose row the caller has locked; the number of tokens that lived."""
    return RefreshToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())


def _renew(claims: Token) -> TokenPair | None:
    user = user_lock(claims["sub"])
    now = timezone.now()
    row = RefreshToken.objects.filter(pk=claims["jti"], user=user)
    fresh = row.filter(used_at=None, revoked_at=None, expires_at__gt=now).update(used_at=now)
    link = row.first()
    if user is None or link is None:
        return None
    if fresh and user.is_active and claims.get("pwd") == user.password_mark:
        return _mint(user, link.family, link.expires_at)
    if _end(family=link.family):
        action = "session.ended" if fresh else "session.replayed"
        audit(by=user_principal(user), action=action, subject=user)
    return None


def _end(*, family: UUID) -> int:
    return RefreshToken.objects.filter(family=family, revoked_at=None).update(revoked_at=timezone.now())


def _claims(token: str) -> Token:
    try:
        claims = RefreshJWT(token)  # type: ignore[arg-type]  # declared as a Token by mistake
        UUID(claims["jti"])
        UUID(claims["sub"])
    except (TokenError, KeyError, ValueError) as error:
        raise InvalidToken("The refresh token is not valid or has expired.") from error
    return claims


def _mint(user: User, family: UUID, expires_at: datetime) -> TokenPair:
    row = RefreshToken.objects.create(user=user, family=family, expires_at=expires_at)
    refresh = RefreshJWT()
    refresh["sub"] = str(user.pk)
    refresh["jti"] = str(row.pk)
    refresh["pwd"] = user.password_mark
    refresh["exp"] = int(expires_at.timestamp())
    access = AccessToken.for_user(user)
    access["pwd"] = user.password_mark
    return TokenPair(user, access=str(access), refresh=str(refresh))

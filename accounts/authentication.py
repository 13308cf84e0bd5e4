"""From the credential in a request to a Principal. Header credentials first, then the browser's session."""

import dataclasses
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from accounts.errors import InvalidToken
from accounts.keyring import keyring
from accounts.models import User
from accounts.principals import Principal, user_principal


class ServiceUser:
    """Stands in for `request.user` where no person is behind the call: a key, or the master token."""

    is_authenticated = True
    is_active = True
    is_anonymous = False
    is_staff = False
    pk = id = None

    def __init__(self, name: str) -> None:
        self.email = self.username = name

    def get_username(self) -> str:
        return self.username

    def __str__(self) -> str:
        return self.username


def credential_principal(api_key: str, authorization: str) -> Principal | None:
    """The caller behind `X-API-Key` or `Authorization`; None when neither says anything."""
    if api_key:
        return keyring.principal(api_key)
    secret = _bearer(authorization)
    if not secret:
        return None
    if _is_master(secret):
        return Principal(kind="master", actor="master", platform=True)
    if _is_token(secret):
        return token_principal(secret)
    return keyring.principal(secret)


def api_key_of(meta: Mapping[str, Any]) -> str:
    """The API key of a request; empty for other credentials and for none."""
    if key := meta.get("HTTP_X_API_KEY", ""):
        return str(key)
    secret = _bearer(str(meta.get("HTTP_AUTHORIZATION", "")))
    return "" if _is_token(secret) or _is_master(secret) else secret


def _bearer(authorization: str) -> str:
    kind, _, secret = authorization.partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def _is_token(secret: str) -> bool:
    """JWTs have two dots."""
    return secret.count(".") == 2


def _is_master(secret: str) -> bool:
    master: str = settings.MASTER_TOKEN
    return bool(master) and hmac.compare_digest(secret.encode(), master.encode())


def token_principal(token: str) -> Principal:
    """The person behind a JWT access token, as they are now, or InvalidToken. A new password ends it."""
    try:
        claims = AccessToken(token)  # type: ignore[arg-type]  # declared as a Token by mistake
        user = User.objects.get(pk=UUID(claims["sub"]), is_active=True)
        if claims["pwd"] != user.password_mark:
            raise TokenError("The password was changed.")
    except (TokenError, KeyError, ValueError, User.DoesNotExist) as error:
        raise InvalidToken("The access token is not valid or has expired.") from error
    return dataclasses.replace(user_principal(user), expires_at=datetime.fromtimestamp(claims["exp"], UTC))


class CredentialAuthentication(BaseAuthentication):
    """API keys, JWTs and the master token."""

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        principal = credential_principal(
            request.META.get("HTTP_X_API_KEY", ""), request.META.get("HTTP_AUTHORIZATION", "")
        )
        if principal is None:
            return None
        bind_to_log(principal)
        return principal.user or ServiceUser(principal.actor), principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="skyledger"'


class BrowserSessionAuthentication(SessionAuthentication):
    """The console's session cookie; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Principal] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        principal = user_principal(found[0])
        bind_to_log(principal)
        return found[0], principal


def bind_to_log(principal: Principal) -> None:
    """Name the caller on every later log line of the request: never the key, only its prefix."""
    structlog.contextvars.bind_contextvars(actor=principal.actor)
    if principal.tenant is not None:
        structlog.contextvars.bind_contextvars(tenant=principal.tenant.slug)

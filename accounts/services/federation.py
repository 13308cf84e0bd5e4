"""Signing in with an ID token of another issuer."""

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import transaction

from accounts import oidc
from accounts.errors import InvalidToken, PermissionRefused, SignInRefused
from accounts.models import FederatedIdentity, User
from accounts.oidc import Identity
from accounts.principals import user_principal
from accounts.services.logs import audit
from accounts.services.revocation import api_keys_revoke, live_tokens
from accounts.services.sessions import TokenPair, session_open, sessions_end, sign_in_refuse


def federated_sign_in(*, token: str, username: str = "") -> TokenPair:
    """A pair for the person whom an ID token speaks of; they are made known at their first sign-in.

    With `username` (or e-mail) given, it must be that person. Errors: 401 the token or a deactivated
    person, 403 an address that the issuer has not verified, 502/504 the issuer is away.
    """
    try:
        identity = oidc.verify(token)
        with transaction.atomic():
            user = _person(identity)
            if username and username.lower() not in {user.email, (user.username or "").lower()}:
                raise SignInRefused
            return session_open(user=user, method=identity.issuer)
    except (InvalidToken, SignInRefused):
        sign_in_refuse(method="federated")
        raise


def _person(identity: Identity) -> User:
    known = FederatedIdentity.objects.filter(issuer=identity.issuer, subject=identity.subject)
    link = known.select_related("user").first()
    if link is not None:
        return link.user
    _require_verified(identity)
    user, created = User.objects.get_or_create(
        email=identity.email,
        defaults={
            "password": make_password(None),
            "first_name": identity.name[:150],
            "email_verified": True,
        },
    )
    if not user.is_active:
        raise SignInRefused
    if not created and not user.email_verified:
        _reclaim(user)
    FederatedIdentity.objects.get_or_create(
        issuer=identity.issuer, subject=identity.subject, defaults={"user": user}
    )
    audit(
        by=user_principal(user),
        action="identity.linked",
        subject=user,
        changes={"issuer": [None, identity.issuer]},
    )
    return user


def _reclaim(user: User) -> None:
    """The owner of an address takes over an account that somebody opened in its name without proof.

    Whoever opened it may know the password, so that ends, with every session and personal key.
    """
    user.password, user.email_verified = make_password(None), True
    user.save(update_fields=["password", "email_verified", "updated_at"])
    sessions_end(user=user)
    api_keys_revoke(by=user_principal(user), keys=live_tokens(user))


def _require_verified(identity: Identity) -> None:
    try:
        EmailValidator()(identity.email)
    except ValidationError as error:
        raise PermissionRefused(
            "The ID token holds no e-mail address, which the first sign-in needs."
        ) from error
    if not identity.email_verified or len(identity.email) > 254:
        raise PermissionRefused("Verify your e-mail address at your identity provider first.")

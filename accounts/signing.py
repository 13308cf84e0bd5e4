"""Secrets at rest, and signatures in the form of Standard Webhooks (standardwebhooks.com)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def seal(secret: str) -> str:
    return _box().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret as its owner has it. Errors: cryptography's InvalidToken when none of our keys opens it."""
    return _box().decrypt(sealed.encode()).decode()


def reseal(sealed: str) -> str:
    """The same secret under today's key: unchanged where that closed it. Errors: InvalidToken."""
    today, *_ = _keys()
    with suppress(InvalidToken):
        today.decrypt(sealed.encode())
        return sealed
    return _box().rotate(sealed.encode()).decode()


def signed_headers(*, message_id: str, timestamp: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """What proves the message: one signature for each secret, so that a secret can be changed in use."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _box() -> MultiFernet:
    """Closed with the first key; the former ones still open."""
    return MultiFernet(_keys())


def _keys() -> list[Fernet]:
    keys = (hashlib.sha256(key.encode()).digest() for key in settings.WEBHOOK_SECRET_KEYS)
    return [Fernet(base64.urlsafe_b64encode(key)) for key in keys]

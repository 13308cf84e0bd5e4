"""One-time codes of an authenticator app (RFC 6238): six digits, new ones every 30 seconds."""

import base64
import hmac
import secrets
import time
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS: Final = 30
DRIFT_STEPS: Final = 1  # by so much a phone's clock may be off
SECRET_BYTES: Final = 20


def new_totp_secret() -> str:
    """In base 32, as apps take it."""
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def totp_step(secret: str, code: str, *, after: int) -> int | None:
    """The step that a code belongs to, if that is now and later than `after`, so that no code works twice."""
    now = int(time.time()) // STEP_SECONDS
    codes = {step: totp_code(secret, step) for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)}
    return next(
        (step for step, right in codes.items() if step > after and hmac.compare_digest(right, code.encode())),
        None,
    )


def totp_code(secret: str, step: int) -> bytes:
    return _totp(secret).generate(step * STEP_SECONDS)


def totp_uri(secret: str, account: str) -> str:
    """What the picture for the app holds."""
    return _totp(secret).get_provisioning_uri(account, "Skyledger")


def _totp(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), 6, SHA1(), STEP_SECONDS)  # noqa: S303  (what every app knows)

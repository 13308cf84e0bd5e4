"""A call with an Idempotency-Key is done once, and its answer told again.

The row is written before the call is done and committed at once, so that of two calls at the same moment
the database lets one through.
"""

import dataclasses
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.errors import Conflict, IdempotencyMismatch
from accounts.models import IdempotentCall
from accounts.principals import Principal

LIFETIME: Final = timedelta(hours=24)
# Longer than any request takes: whoever began it was killed, and a retry does it again.
ABANDONED: Final = timedelta(minutes=5)
LARGEST_KEPT: Final = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes over the wire; `body` is None when it must not be kept."""

    status: int
    headers: dict[str, str]
    body: bytes | None


def keyed_hash(*parts: str | bytes) -> str:
    """One text for all the parts, from which none of them can be guessed; the lengths keep them apart."""
    encoded = [part.encode() if isinstance(part, str) else part for part in parts]
    joined = b"".join(b"%d:%b" % (len(part), part) for part in encoded)
    return salted_hmac("accounts.idempotency", joined, algorithm="sha256").hexdigest()


def call_begin(*, by: Principal, key: str, fingerprint: str) -> IdempotentCall:
    """The call of this key; without a status it is the caller's to do, with one it was done before.

    Errors: IdempotencyMismatch for a key that came with another request; Conflict while the first is
    being done, or when its answer was not kept.
    """
    now = timezone.now()
    call, is_new = IdempotentCall.objects.get_or_create(
        pk=keyed_hash(str(by.tenant and by.tenant.pk), _identity(by), key),
        defaults={
            "tenant": by.tenant,
            "actor": by.actor,
            "fingerprint": fingerprint,
            "started_at": now,
        },
    )
    if is_new:
        return call
    if call.started_at <= now - LIFETIME:
        return _begin_again(call, fingerprint, now)
    if call.fingerprint != fingerprint:
        raise IdempotencyMismatch("This Idempotency-Key came before with another request; send a new key.")
    if call.status is None and call.started_at <= now - ABANDONED:
        return _begin_again(call, fingerprint, now)
    if call.status is None:
        raise _in_progress()
    if call.body is None:
        raise Conflict(
            f"The call of this Idempotency-Key was done (status {call.status}); its answer holds a secret "
            "or is too large, and was not kept."
        )
    return call


def call_end(*, call: IdempotentCall, answer: Answer) -> None:
    """Keep the answer, unless somebody took a call over that went on for too long."""
    kept = answer.body is not None and len(answer.body) <= LARGEST_KEPT
    _own(call).update(status=answer.status, headers=answer.headers, body=answer.body if kept else None)


def call_abandon(*, call: IdempotentCall) -> None:
    """The call came to nothing: its key may be used again."""
    _own(call).delete()


def _own(call: IdempotentCall) -> QuerySet[IdempotentCall]:
    return IdempotentCall.objects.filter(pk=call.pk, started_at=call.started_at, status=None)


def _begin_again(call: IdempotentCall, fingerprint: str, now: datetime) -> IdempotentCall:
    """Take over an old row; of several who try, one does."""
    fresh = {"started_at": now, "fingerprint": fingerprint, "status": None, "headers": {}, "body": None}
    if not IdempotentCall.objects.filter(pk=call.pk, started_at=call.started_at).update(**fresh):
        raise _in_progress()
    for name, value in fresh.items():
        setattr(call, name, value)
    return call


def _in_progress() -> Conflict:
    return Conflict(
        "The first call with this Idempotency-Key is still being done.", headers={"Retry-After": "1"}
    )


def _identity(by: Principal) -> str:
    """What stays the caller's own when an e-mail address moves to somebody else."""
    return str(by.key_id or (by.user and by.user.pk) or by.actor)

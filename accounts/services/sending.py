"""The outbox's sender: at least once, by one worker at a time, and not for ever."""

import http.client
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any, Final
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import outbound
from accounts.errors import NotFound
from accounts.metrics import DELIVERIES
from accounts.models import Delivery, Webhook
from accounts.principals import SYSTEM
from accounts.services.logs import deed
from accounts.services.mail import mail_send
from accounts.signing import signed_headers, unseal
from accounts.wire import encode

# Seconds to wait after each attempt, about a day in all; the last attempt has none.
BACKOFF: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800)
JITTER: Final = 0.2
# A sender that has said nothing for so long is dead; longer than any attempt takes.
LEASE_SECONDS: Final = 120
SWEEP_SECONDS: Final = 8.0
# A webhook that fails is left alone for 2 s, then 4 s and so on, so that it holds nobody else's messages up.
LONGEST_REST: Final = 600
# Failed attempts in a row, spread by those rests over about a day, until a webhook is paused.
PAUSE_AFTER: Final = 150
GONE: Final = 410
SMTP_PERMANENT: Final = 500
State = Delivery.State


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt. `final`: another one would end the same way."""

    delivered: bool
    status: int | None = None
    error: str = ""
    retry_after: float = 0.0
    final: bool = False


def deliver(*, delivery_id: UUID) -> bool | None:
    """Attempt a delivery that is due, unless another sender has it: None; else whether it arrived."""
    claimed = _claim(delivery_id)
    if claimed is None:
        return None
    # More than all attempts: whoever made the last one did not live to say how it ended.
    over = claimed.attempts > len(BACKOFF) + 1
    outcome = Outcome(False, error="Each sender ended within it.") if over else SENDERS[claimed.kind](claimed)
    if outcome.delivered:
        _delivered(claimed, outcome)
    elif outcome.final or claimed.attempts > len(BACKOFF):
        _given_up(claimed, outcome)
    else:
        _put_off(claimed, outcome)
    return outcome.delivered


def deliveries_sweep() -> int:
    """Attempt what is due, longest due first, for SWEEP_SECONDS; how many attempts that were."""
    deadline = time.monotonic() + SWEEP_SECONDS
    attempts = 0
    while time.monotonic() < deadline:
        due = _due().order_by("next_attempt_at").values_list("pk", flat=True).first()
        if due is None:
            break
        attempts += deliver(delivery_id=due) is not None
    return attempts


def _due() -> Any:
    now = timezone.now()
    due = Delivery.objects.filter(state=State.PENDING, next_attempt_at__lte=now)
    return due.exclude(webhook__resting_until__gt=now)


def _claim(delivery_id: UUID) -> Delivery | None:
    """Have the delivery for LEASE_SECONDS, if it is due and nobody else was quicker."""
    seen: Delivery | None = _due().filter(pk=delivery_id).select_related("webhook", "tenant").first()
    if seen is None:
        return None
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    mine = Delivery.objects.filter(pk=seen.pk, state=State.PENDING, next_attempt_at=seen.next_attempt_at)
    if not mine.update(next_attempt_at=lease, attempts=F("attempts") + 1):
        return None
    seen.next_attempt_at, seen.attempts = lease, seen.attempts + 1
    return seen


def _post(delivery: Delivery) -> Outcome:
    webhook = delivery.webhook
    if webhook is None or not webhook.is_active:
        return Outcome(False, error="The webhook was paused or deleted.", final=True)
    body = encode(delivery.payload)
    try:
        proof = signed_headers(
            message_id=str(delivery.pk), timestamp=int(time.time()), body=body, secrets=_secrets(webhook)
        )
        headers = {"Content-Type": "application/json", "User-Agent": f"Skyledger/{settings.VERSION}", **proof}
        answer = outbound.post(delivery.target, body, headers)
    except InvalidToken:
        return Outcome(False, error="Its secret cannot be read; rotate it.", final=True)
    except outbound.Refused as error:
        return Outcome(False, error=f"The address is refused: {error}", final=True)
    except (OSError, http.client.HTTPException) as error:
        return Outcome(False, error=_told(error))
    if 200 <= answer.status < 300:
        return Outcome(True, status=answer.status)
    return Outcome(
        False,
        status=answer.status,
        error=f"It answered {answer.status}.",
        retry_after=_seconds(answer.retry_after),
        final=answer.status == GONE,
    )


def _mail(delivery: Delivery) -> Outcome:
    try:
        mail_send(delivery)
    except NotFound as error:
        return Outcome(False, error=error.message, final=True)
    except SMTPRecipientsRefused as error:
        known = all(code >= SMTP_PERMANENT for code, _ in error.recipients.values())
        return Outcome(False, error=_told(error), final=known)
    except (OSError, SMTPException) as error:
        return Outcome(False, error=_told(error))
    except ValueError as error:  # an address or a header that no mail server would take
        return Outcome(False, error=_told(error), final=True)
    return Outcome(True)


SENDERS: Final[Mapping[str, Callable[[Delivery], Outcome]]] = {
    Delivery.Kind.WEBHOOK: _post,
    Delivery.Kind.MAIL: _mail,
}


def _secrets(webhook: Webhook) -> list[str]:
    """The one in force, and the one before while it overlaps."""
    sealed = [webhook.secret]
    if webhook.previous_secret_until is not None and webhook.previous_secret_until > timezone.now():
        sealed.append(webhook.previous_secret)
    return [unseal(secret) for secret in sealed]


def _delivered(delivery: Delivery, outcome: Outcome) -> None:
    """Also when the lease had run out meanwhile: it did arrive."""
    pending = Delivery.objects.filter(pk=delivery.pk, state=State.PENDING)
    pending.update(
        state=State.DELIVERED, delivered_at=timezone.now(), last_status=outcome.status, last_error=""
    )
    if delivery.webhook is not None:
        failing = Webhook.objects.filter(pk=delivery.webhook.pk, failures__gt=0)
        failing.update(failures=0, resting_until=None)
    DELIVERIES.labels(delivery.kind, "delivered").inc()


def _put_off(delivery: Delivery, outcome: Outcome) -> None:
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  (it guards nothing)
    wait = max(BACKOFF[delivery.attempts - 1] * spread, outcome.retry_after)
    _missed(delivery, outcome, next_attempt_at=timezone.now() + timedelta(seconds=wait))
    DELIVERIES.labels(delivery.kind, "retried").inc()


def _given_up(delivery: Delivery, outcome: Outcome) -> None:
    _missed(delivery, outcome, state=State.FAILED)
    DELIVERIES.labels(delivery.kind, "failed").inc()


@transaction.atomic
def _missed(delivery: Delivery, outcome: Outcome, **changes: Any) -> None:
    """Note a failed attempt, on the message and on its webhook."""
    said = {"last_status": outcome.status, "last_error": outcome.error}
    if not _mine(delivery).update(**said, **changes) or delivery.webhook is None:
        return
    failing = Webhook.objects.filter(pk=delivery.webhook.pk, is_active=True)
    failing.update(failures=F("failures") + 1)
    failures = failing.values_list("failures", flat=True).first() or 0
    if failures >= PAUSE_AFTER or outcome.status == GONE:
        _pause(delivery.webhook, outcome)
        return
    rest = max(min(2**failures, LONGEST_REST), outcome.retry_after)
    failing.update(resting_until=timezone.now() + timedelta(seconds=rest))


def _pause(webhook: Webhook, outcome: Outcome) -> None:
    """Send it nothing more; what waits for it is given up when it is due."""
    active = Webhook.objects.filter(pk=webhook.pk, is_active=True)
    if active.update(is_active=False, resting_until=None):
        deed(
            by=SYSTEM,
            action="webhook.paused",
            tenant=webhook.tenant,
            subject=webhook,
            changes={"is_active": [True, False]},
            payload={"reason": outcome.error},
        )


def _mine(delivery: Delivery) -> Any:
    """The row as this sender left it; one whose lease ran out has no say any more."""
    return Delivery.objects.filter(
        pk=delivery.pk, state=State.PENDING, next_attempt_at=delivery.next_attempt_at
    )


def _told(error: Exception) -> str:
    """In one line, whatever the other side made of it: PostgreSQL keeps no NUL."""
    text = f"{type(error).__name__}: {error}"[:500]
    return "".join(c if c.isprintable() else " " for c in text)


def _seconds(retry_after: str) -> float:
    """A Retry-After of seconds or a date, at most the longest wait of our own."""
    wait = 0.0
    if retry_after.isdecimal():
        wait = float(retry_after[:9])
    else:
        with suppress(TypeError, ValueError, OverflowError):
            wait = (parsedate_to_datetime(retry_after) - timezone.now()).total_seconds()
    return min(max(wait, 0.0), float(BACKOFF[-1]))

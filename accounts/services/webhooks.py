"""Webhooks of a tenant: made, changed, tried out, and their messages sent once more."""

from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.errors import Conflict, ValidationFailed
from accounts.models import Delivery, Tenant, Webhook
from accounts.models.deliveries import validate_patterns
from accounts.outbound import check_url
from accounts.principals import Principal
from accounts.services.deliveries import send_soon, webhook_enqueue
from accounts.services.logs import audit, deed
from accounts.signing import new_secret, seal

DEFAULT_OVERLAP: Final = 86_400
MAX_OVERLAP: Final = 7 * 86_400
MOST: Final = 20  # of a tenant: every deed writes a row for each
State = Delivery.State


@transaction.atomic
def webhook_create(
    *,
    by: Principal,
    tenant: Tenant,
    url: str,
    events: list[str],
    description: str = "",
    is_active: bool = True,
) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is shown this once. Errors: 400 the URL or events, 409 too many."""
    _check(url=url, events=events)
    Tenant.objects.select_for_update().get(pk=tenant.pk)
    if Webhook.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} webhooks.")
    secret = new_secret()
    webhook = Webhook.objects.create(
        tenant=tenant,
        url=url,
        events=events,
        description=description,
        is_active=is_active,
        secret=seal(secret),
    )
    deed(by=by, action="webhook.created", tenant=tenant, subject=webhook, payload=_public(webhook))
    return webhook, secret


@transaction.atomic
def webhook_update(*, by: Principal, webhook: Webhook, changes: dict[str, Any]) -> Webhook:
    """Change url, events, description or is_active; what waits goes to the new URL. Errors: 400 as above.

    Turning it on forgets its failures.
    """
    stored = _locked(webhook)
    different = {name: value for name, value in changes.items() if getattr(stored, name) != value}
    if not different:
        return stored
    _check(url=changes.get("url", stored.url), events=changes.get("events", stored.events))
    before = {name: getattr(stored, name) for name in different}
    for name, value in different.items():
        setattr(stored, name, value)
    if different.get("is_active"):
        stored.failures, stored.resting_until = 0, None
    stored.save()
    if "url" in different:
        stored.deliveries.filter(state=State.PENDING).update(target=stored.url)
    told = {name: [_told(before[name]), _told(value)] for name, value in different.items()}
    deed(
        by=by,
        action="webhook.updated",
        tenant=stored.tenant,
        subject=stored,
        changes=told,
        payload=_public(stored),
    )
    return stored


@transaction.atomic
def webhook_rotate_secret(
    *, by: Principal, webhook: Webhook, overlap_seconds: int = DEFAULT_OVERLAP
) -> tuple[Webhook, str]:
    """A new secret, shown this once; until the overlap ends messages are signed with both."""
    stored = _locked(webhook)
    secret = new_secret()
    stored.previous_secret = stored.secret
    stored.previous_secret_until = timezone.now() + timedelta(seconds=overlap_seconds)
    stored.secret = seal(secret)
    stored.save()
    deed(by=by, action="webhook.secret_rotated", tenant=stored.tenant, subject=stored)
    return stored, secret


@transaction.atomic
def webhook_delete(*, by: Principal, webhook: Webhook) -> None:
    """End it; what still waited for it is given up, and its past deliveries stay."""
    stored = _locked(webhook)
    itself = Webhook.objects.for_tenant(stored.tenant).filter(pk=stored.pk)
    itself.update(is_active=False)  # it is not told of its own end
    stored.deliveries.filter(state=State.PENDING).update(
        state=State.FAILED, last_error="The webhook was deleted."
    )
    deed(by=by, action="webhook.deleted", tenant=stored.tenant, subject=stored, payload=_public(stored))
    stored.delete()


@transaction.atomic
def webhook_test(*, by: Principal, webhook: Webhook) -> Delivery:
    """Send it a `webhook.test`, whatever its events. Errors: 409 it is paused."""
    if not webhook.is_active:
        raise Conflict("The webhook is paused; activate it first.")
    audit(by=by, action="webhook.tested", tenant=webhook.tenant, subject=webhook)
    message = {"timestamp": timezone.now().isoformat(), "data": {"id": str(webhook.pk)}}
    return webhook_enqueue(webhook=webhook, event_type="webhook.test", message=message)


@transaction.atomic
def delivery_redeliver(*, by: Principal, delivery: Delivery) -> Delivery:
    """Send it once more under the same id, with all attempts anew, to where its webhook is now.

    Errors: 409 it is still pending.
    """
    target = delivery.webhook.url if delivery.webhook else delivery.target
    ended = Delivery.objects.filter(pk=delivery.pk).exclude(state=State.PENDING)
    anew = {"state": State.PENDING, "attempts": 0, "next_attempt_at": timezone.now(), "delivered_at": None}
    if not ended.update(target=target, **anew):
        raise Conflict("It is pending: it will be sent without that.")
    audit(by=by, action="delivery.redelivered", tenant=delivery.tenant, subject=delivery)
    delivery.refresh_from_db()
    send_soon(delivery)
    return delivery


def _locked(webhook: Webhook) -> Webhook:
    row: Webhook = Webhook.objects.for_tenant(webhook.tenant).select_for_update().get(pk=webhook.pk)
    return row


def _check(*, url: str, events: list[str]) -> None:
    check_url(url)
    try:
        validate_patterns(events)
    except ValidationError as error:
        raise ValidationFailed.field("events", error.messages[0]) from error


def _public(webhook: Webhook) -> dict[str, Any]:
    """What the log tells of it: of the URL the host alone, as the rest may hold a secret."""
    return {"host": webhook.host, "events": webhook.events, "is_active": webhook.is_active}


def _told(value: Any) -> Any:
    return urlsplit(value).hostname or value if isinstance(value, str) else value

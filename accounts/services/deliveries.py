"""The outbox: what is to be told is written down with the deed, and sent after its commit."""

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from accounts.background import ask_worker
from accounts.models import ActivityEntry, Delivery, MailKind, MailRefusal, Tenant, Webhook
from accounts.row_security import as_platform


def notify(
    *,
    tenant: Tenant | None,
    type: str,
    to: Iterable[str],
    payload: dict[str, Any],
    kind: MailKind = MailKind.ALERTS,
) -> list[Delivery]:
    """Mail to each address that does not refuse its kind, in the caller's transaction.

    Webhooks are told by `record()` already. The text is `templates/email/<type>.txt`, whose first line is the
    subject, and `<type>.html`, with `payload` as their context.
    """
    addresses = list(to)
    refused = _refusing(tenant, kind, addresses) if tenant is not None else set()
    return [
        delivery_enqueue(
            tenant=tenant,
            kind=Delivery.Kind.MAIL,
            target=address,
            event_type=type,
            payload=payload,
            mail_kind=kind,
        )
        for address in addresses
        if address.lower() not in refused
    ]


def _refusing(tenant: Tenant, kind: MailKind, addresses: Iterable[str]) -> set[str]:
    wanted = [address.lower() for address in addresses]
    rows = MailRefusal.objects.for_tenant(tenant).filter(kind=kind, address__in=wanted)
    return set(rows.values_list("address", flat=True))


def fan_out(entry: ActivityEntry) -> None:
    """An entry of the activity to each of the tenant's webhooks that wants it."""
    active = Webhook.objects.for_tenant(entry.tenant).filter(is_active=True)
    for webhook in active.only("url", "events", "tenant_id"):
        if webhook.wants(entry.type):
            webhook.tenant = entry.tenant
            message = {"seq": entry.seq, "timestamp": entry.ts.isoformat(), "data": entry.payload}
            webhook_enqueue(webhook=webhook, event_type=entry.type, message=message)


def webhook_enqueue(*, webhook: Webhook, event_type: str, message: dict[str, Any]) -> Delivery:
    return delivery_enqueue(
        tenant=webhook.tenant,
        kind=Delivery.Kind.WEBHOOK,
        webhook=webhook,
        target=webhook.url,
        event_type=event_type,
        payload={"type": event_type, "organization_id": str(webhook.tenant_id), **message},
    )


def delivery_enqueue(
    *,
    tenant: Tenant | None,
    kind: Delivery.Kind,
    target: str,
    event_type: str,
    payload: dict[str, Any],
    webhook: Webhook | None = None,
    mail_kind: str = "",
) -> Delivery:
    """Write a message down in the caller's transaction: it is sent if and only if that commits."""
    if not connection.in_atomic_block:
        raise RuntimeError("A delivery belongs inside the transaction of the deed that it tells.")
    delivery = Delivery.objects.create(
        tenant=tenant,
        kind=kind,
        webhook=webhook,
        target=target,
        event_type=event_type,
        mail_kind=mail_kind,
        payload=payload,
    )
    send_soon(delivery)
    return delivery


def send_soon(delivery: Delivery) -> None:
    """Have it sent once the transaction commits."""
    transaction.on_commit(lambda: _send_soon(delivery), robust=True)


def _send_soon(delivery: Delivery) -> None:
    """Ask a worker. While none can be asked a mail goes out from here, and a webhook waits for the sweep."""
    asked = ask_worker("accounts.deliver", delivery_id=str(delivery.pk))
    if asked or delivery.kind != Delivery.Kind.MAIL:
        return
    from accounts.services.sending import deliver  # which itself writes to the log, and so comes here

    with as_platform():  # as a worker would
        deliver(delivery_id=delivery.pk)

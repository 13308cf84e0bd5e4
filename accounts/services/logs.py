"""Writing down what was done. Every service calls these two inside its own transaction."""

from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import ActivityCounter, ActivityEntry, AuditEntry, Tenant, Webhook
from accounts.principals import Principal
from accounts.services.deliveries import fan_out
from accounts.services.wakes import wake
from accounts.statements import prepared, row_insert

NEXT_SEQ: Final = f"""
INSERT INTO {ActivityCounter._meta.db_table} AS counter (id, tenant_id, last_seq) VALUES (%s, %s, 1)
ON CONFLICT (tenant_id) DO UPDATE SET last_seq = counter.last_seq + 1
RETURNING last_seq, EXISTS (SELECT 1 FROM {Webhook._meta.db_table} WHERE tenant_id = %s AND is_active)
"""  # noqa: S608


def audit(
    *,
    by: Principal,
    action: str,
    tenant: Tenant | None = None,
    subject: Any = None,
    changes: dict[str, Any] | None = None,
) -> AuditEntry:
    """Append to the audit log; `changes` holds field → [before, after] and never a secret."""
    context = structlog.contextvars.get_contextvars()
    entry = AuditEntry(
        tenant=tenant,
        actor=by.actor,
        action=action,
        object_type=subject._meta.label_lower if subject is not None else "",
        object_id=str(subject.pk) if subject is not None else "",
        changes=changes or {},
        address=context.get("address") or None,
        request_id=context.get("request_id", ""),
    )
    row_insert(entry)
    return entry


def turn_take(*, tenant: Tenant) -> None:
    """Wait for the tenant's deeds that others are at, and keep theirs waiting until this transaction ends.

    Take any other row's lock before it, as every deed does.
    """
    ActivityCounter.objects.get_or_create(tenant=tenant)
    ActivityCounter.objects.select_for_update().get(tenant=tenant)


def record(*, tenant: Tenant, type: str, by: Principal, payload: dict[str, Any]) -> ActivityEntry:
    """Append to the tenant's activity with the next sequence number, in the caller's transaction.

    The tenant's webhooks are told of it once that commits.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record() belongs inside the transaction of the deed that it records.")
    seq, has_webhooks = _next_seq(tenant)
    entry = ActivityEntry(
        tenant=tenant, seq=seq, type=type, ts=timezone.now(), actor=by.actor, payload=payload
    )
    row_insert(entry)
    transaction.on_commit(lambda: wake(tenant.pk), robust=True)
    if has_webhooks:
        fan_out(entry)
    return entry


def _next_seq(tenant: Tenant) -> tuple[int, bool]:
    """The number, and whether the tenant has webhooks: in one statement, as every deed needs both.

    It holds the row until commit, so numbers are given in the order of the commits.
    """
    key, owner = prepared(ActivityCounter, id=uuid7(), tenant=tenant.pk)
    with connection.cursor() as cursor:
        cursor.execute(NEXT_SEQ, [key, owner, owner])
        seq, has_webhooks = cursor.fetchone()
        return int(seq), bool(has_webhooks)


def deed(
    *,
    by: Principal,
    action: str,
    tenant: Tenant,
    subject: Any,
    changes: dict[str, Any] | None = None,
    payload: dict[str, Any] | None = None,
) -> None:
    """The usual pair: the audit entry and the activity entry of one deed in a tenant."""
    audit(by=by, action=action, tenant=tenant, subject=subject, changes=changes)
    record(tenant=tenant, type=action, by=by, payload={"id": str(subject.pk), **(payload or {})})

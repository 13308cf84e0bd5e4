"""Writing down what was done. Every service calls these two inside its own transaction."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import ActivityCounter, ActivityEntry, AuditEntry, Tenant, Webhook
from accounts.principals import Principal
from accounts.services.deliveries import fan_out
from accounts.services.wakes import wake
from accounts.statements import Statement, insertion, prepared, sent

# The number, and whether the tenant has webhooks: in one statement, as every deed needs both.
NEXT_SEQ: Final = f"""
INSERT INTO {ActivityCounter._meta.db_table} AS counter (id, tenant_id, last_seq) VALUES (%s, %s, 1)
ON CONFLICT (tenant_id) DO UPDATE SET last_seq = counter.last_seq + 1
RETURNING last_seq, EXISTS (SELECT 1 FROM {Webhook._meta.db_table} WHERE tenant_id = %s AND is_active)
"""  # noqa: S608
ENTRY: Final = f"""
INSERT INTO {ActivityEntry._meta.db_table} (id, type, ts, actor, payload, tenant_id, seq)
VALUES (%s, %s, %s, %s, %s, %s, (SELECT last_seq FROM {ActivityCounter._meta.db_table} WHERE tenant_id = %s))
"""  # noqa: S608
# Citus takes no subquery in an insertion: it does these in the same round trip.
NEXT_SEQ_OF_CITUS: Final = f"""
WITH next AS (
    INSERT INTO {ActivityCounter._meta.db_table} AS counter (id, tenant_id, last_seq) VALUES (%s, %s, 1)
    ON CONFLICT (tenant_id) DO UPDATE SET last_seq = counter.last_seq + 1
    RETURNING last_seq
)
SELECT last_seq, EXISTS (SELECT 1 FROM {Webhook._meta.db_table} WHERE tenant_id = %s AND is_active) FROM next
"""  # noqa: S608
ENTRY_OF_CITUS: Final = f"""
INSERT INTO {ActivityEntry._meta.db_table} (id, type, ts, actor, payload, tenant_id, seq)
SELECT %s::uuid, %s, %s::timestamptz, %s, %s::jsonb, %s::uuid, last_seq
FROM {ActivityCounter._meta.db_table} WHERE tenant_id = %s
"""  # noqa: S608


def audit(
    *,
    by: Principal,
    action: str,
    tenant: Tenant | None = None,
    subject: Any = None,
    changes: dict[str, Any] | None = None,
) -> None:
    """Append to the audit log; `changes` holds field → [before, after] and never a secret."""
    sent(_audited(by, action, tenant, subject, changes))


def turn_take(*, tenant: Tenant) -> None:
    """Wait for the tenant's deeds that others are at, and keep theirs waiting until this transaction ends.

    Take any other row's lock before it, as every deed does.
    """
    ActivityCounter.objects.get_or_create(tenant=tenant)
    ActivityCounter.objects.select_for_update().get(tenant=tenant)


def record(*, tenant: Tenant, type: str, by: Principal, payload: dict[str, Any]) -> None:
    """Append to the tenant's activity with the next sequence number, in the caller's transaction.

    The tenant's webhooks are told of it once that commits.
    """
    _record((), tenant=tenant, type=type, by=by, payload=payload)


def deed(
    *,
    by: Principal,
    action: str,
    tenant: Tenant,
    subject: Any,
    changes: dict[str, Any] | None = None,
    payload: dict[str, Any] | None = None,
    writes: Sequence[Statement] = (),
    is_last: bool = False,
) -> None:
    """The usual pair: the audit entry and the activity entry of one deed in a tenant.

    `writes` are the deed's own, which are sent with them and done before them. When the deed `is_last` in its
    transaction, that commits at once; where the tenant has webhooks it is not, as they are told after it.
    """
    entry = _audited(by, action, tenant, subject, changes)
    told = {"id": str(subject.pk), **(payload or {})}
    _record((*writes, entry), tenant=tenant, type=action, by=by, payload=told, is_last=is_last)


def _audited(
    by: Principal, action: str, tenant: Tenant | None, subject: Any, changes: dict[str, Any] | None
) -> Statement:
    context = structlog.contextvars.get_contextvars()
    return insertion(
        AuditEntry,
        tenant=tenant and tenant.pk,
        at=timezone.now(),
        actor=by.actor,
        action=action,
        object_type=subject._meta.label_lower if subject is not None else "",
        object_id=str(subject.pk) if subject is not None else "",
        changes=changes or {},
        address=context.get("address") or None,
        request_id=context.get("request_id", ""),
    )


def _record(
    before: Sequence[Statement],
    *,
    tenant: Tenant,
    type: str,
    by: Principal,
    payload: dict[str, Any],
    is_last: bool = False,
) -> None:
    """All in one go. The counter comes last but one: it holds its row until commit, so that numbers are given
    in the order of the commits.

    A webhook that was made since the caller looked for one is told of a deed that was the last just after it.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record() belongs inside the transaction of the deed that it records.")
    entry = {"type": type, "ts": timezone.now(), "actor": by.actor, "payload": payload}
    key, owner = prepared(ActivityCounter, id=uuid7(), tenant=tenant.pk)
    values = [*prepared(ActivityEntry, id=uuid7(), **entry), owner, owner]
    next_seq, told = (
        (NEXT_SEQ_OF_CITUS, ENTRY_OF_CITUS) if settings.DATABASE_DISTRIBUTED else (NEXT_SEQ, ENTRY)
    )
    *_, counter, _ = sent(*before, (next_seq, [key, owner, owner]), (told, values), are_last=is_last)
    seq, has_webhooks = counter.fetchone()
    transaction.on_commit(lambda: wake(tenant.pk), robust=True)
    if has_webhooks:
        told_of = ActivityEntry(tenant=tenant, seq=seq, **entry)
        if is_last:
            transaction.on_commit(transaction.atomic(partial(fan_out, told_of)), robust=True)
        else:
            fan_out(told_of)

"""Accept usage events."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from accounts.models import Scope, Tenant
from accounts.principals import Principal
from accounts.redis_link import RedisAway
from accounts.wire import encode
from usage import intake, ledger, metrics, queue


def event_accept(*, by: Principal, body: bytes) -> dict[str, Any]:
    """Accept the one event of a request body; returns the contract's answer.

    Returned means kept: in Redis (`queued`) or in the ledger (`stored`, `duplicate`).
    Errors: ValidationFailed, PermissionRefused; DatabaseError when nothing could keep it.
    """
    event, tenant = intake.take_one(body, _gate(by))
    status = _status(_keep([(tenant, [event])]), tenant, event)
    message = "Event received and queued for processing" if status == "queued" else f"Event {status}"
    return {"success": True, "event_id": event.event_id, "message": message, "status": status}


def batch_accept(*, by: Principal, body: bytes) -> dict[str, Any]:
    """Accept a batch of 1 to MAX_BATCH_SIZE events; a bad one never takes a good one down."""
    taken = intake.take_batch(body, _gate(by))
    groups = list(intake.by_tenant(taken))
    new = _keep(groups)
    for tenant, events in groups:
        metrics.BATCHES.labels(tenant.slug).inc(len(events))
    results = [
        {"event_id": event.event_id, "status": _status(new, tenant, event)}
        for event, tenant in zip(taken.events, taken.tenants, strict=True)
    ]
    failed = [{"index": r.index, "error": r.error, "event_data": r.event_data} for r in taken.rejected]
    return {
        "success": True,
        "processed_count": len(results),
        "failed_count": len(failed),
        "failed_events": failed,
        "results": results,
        "message": f"Processed {len(results)} events, {len(failed)} failed",
    }


def _gate(by: Principal) -> Callable[[str], Tenant]:
    """Finds and checks the tenant that an event names; each name is looked up once."""

    @functools.cache
    def admit(name: str) -> Tenant:
        caller = by.enter(name)
        caller.require(Scope.INGEST)
        return caller.home

    return admit


def _keep(groups: list[tuple[Tenant, list[intake.Event]]]) -> set[ledger.Key] | None:
    """Queue the events; while Redis is away store them at once, and give the keys that were new."""
    payloads = [(tenant.pk, len(events), encode(events)) for tenant, events in groups]
    try:
        queue.append(payloads)
    except RedisAway:
        now = datetime.now(UTC)
        lots = [ledger.Lot(str(tenant_id), now, ledger.read_rows(body)) for tenant_id, _, body in payloads]
        new = ledger.store(lots)
        metrics.FALLBACKS.inc()
        metrics.observe_stored(lots, new)
        return new
    return None


def _status(new: set[ledger.Key] | None, tenant: Tenant, event: intake.Event) -> str:
    """How one event was kept; the same id again in a batch finds its key taken and is a duplicate."""
    if new is None:
        return "queued"
    key = (str(tenant.pk), event.event_id or "")
    if key not in new:
        return "duplicate"
    new.remove(key)
    return "stored"

"""Accept usage events."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from uuid_utils import uuid7

from accounts.errors import Conflict, ValidationFailed
from accounts.models import Scope, Tenant
from accounts.principals import Principal
from accounts.redis_link import RedisAway
from accounts.wire import encode
from usage import filing, intake, ledger, metrics, queue, rejections
from usage.ledger import Status
from usage.quotas import gate

QUEUED: Final = "queued"
REFUSED: Final = "The database refused the event; it is kept aside with the reason."
TakeOne = Callable[[bytes, intake.Admit], tuple[intake.Event, Tenant]]
TakeBatch = Callable[[bytes, intake.Admit], intake.Taken]
FAILURES: Final = {Status.CONFLICT: ledger.CONFLICT, Status.REJECTED: REFUSED}


def event_accept(*, by: Principal, body: bytes, take: TakeOne = intake.take_one) -> dict[str, Any]:
    """Accept the one event of a request body, as `take` reads it; returns the contract's answer.

    Returned means kept: in Redis (`queued`) or in the ledger (`stored`, `duplicate`).
    Errors: ValidationFailed, and the event is kept aside when it names its tenant rightly; PermissionRefused;
    RateLimited by the month's quota; Conflict when the ledger is asked at once and holds another event of
    this id; DatabaseError when nothing could keep it.
    """
    try:
        event, tenant = take(body, _gate(by))
    except intake.NoneTaken as refused:
        rejections.keep(refused.rejected)
        raise
    gate.take(tenant, 1)
    status = _keep([(tenant, [event], b"")]).get(id(event), QUEUED)
    if status == Status.CONFLICT:
        raise Conflict(ledger.CONFLICT)
    if status == Status.REJECTED:
        raise ValidationFailed(REFUSED)
    message = "Event received and queued for processing" if status == QUEUED else f"Event {status}"
    return {"success": True, "event_id": event.event_id, "message": message, "status": status}


def batch_accept(*, by: Principal, body: bytes, take: TakeBatch = intake.take_batch) -> dict[str, Any]:
    """Accept the events of a request body, as `take` reads it; a bad one never takes a good one down."""
    try:
        taken = take(body, _gate(by))
    except intake.NoneTaken as refused:
        rejections.keep(refused.rejected)
        raise
    groups = list(intake.by_tenant(taken))
    for tenant, events, _ in groups:
        gate.take(tenant, len(events))
    became = _keep(groups) if groups else {}
    if taken.rejected:
        rejections.keep(taken.rejected)
    for tenant, events, _ in groups:
        metrics.BATCHES.labels(tenant.slug).inc(len(events))
    failed = [{"index": r.index, "error": r.error, "event_data": r.event_data} for r in taken.rejected]
    results = []
    for place, event in zip(taken.places, taken.events, strict=True):
        status = became.get(id(event), QUEUED)
        if status in FAILURES:
            failed.append({"index": place, "error": FAILURES[Status(status)], "event_data": event})
        else:
            results.append({"event_id": event.event_id, "status": status})
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

    known: dict[str, Tenant] = {}  # to make a functools.cache takes 2 µs a call

    def admit(name: str) -> Tenant:
        if name not in known:
            caller = by.enter(name)
            caller.require(Scope.INGEST)
            known[name] = caller.home
        return known[name]

    return admit


def _keep(groups: list[tuple[Tenant, list[intake.Event], bytes]]) -> dict[int, str]:
    """Queue the events. While Redis is away store them at once: the id() of each, and what became of it."""
    payloads = [(tenant.pk, len(events), encoded or encode(events)) for tenant, events, encoded in groups]
    try:
        queue.append(payloads)
    except RedisAway:
        metrics.FALLBACKS.inc()
        now = datetime.now(UTC)
        lots = [ledger.Lot(str(tenant), now, ledger.read_rows(e), str(uuid7())) for tenant, _, e in payloads]
        statuses = itertools.chain.from_iterable(filing.file(lots))
        kept = (event for _, events, _ in groups for event in events)
        return {id(event): status for event, status in zip(kept, statuses, strict=True)}
    return {}

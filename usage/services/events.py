"""Accept usage events."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

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
Groups = list[tuple[Tenant, list[intake.Event], bytes]]
Payloads = list[tuple[UUID, int, bytes]]
Became = dict[int, str]  # by the id() of an event; empty when all are queued
Aside = Callable[[Callable[[], Became]], Awaitable[Became]]
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
    return _told_of_one(event, _keep([(tenant, [event], b"")]))


def _told_of_one(event: intake.Event, became: Became) -> dict[str, Any]:
    status = became.get(id(event), QUEUED)
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
    return _told_of_batch(taken, groups, became)


async def plain_accept(*, by: Principal, body: bytes, batch: bool, aside: Aside) -> dict[str, Any] | None:
    """As `event_accept` and `batch_accept`, on the loop that runs, of a plain body.

    None: it is none, or the database has to be asked; then nothing was done. While Redis is away
    the events are stored `aside`, where that holds nobody up.
    """
    taken = intake.take_plain(body, _gate(by), single=not batch)
    if taken is None:
        return None
    groups = list(intake.by_tenant(taken))
    quotas = [quota for tenant, _, _ in groups if (quota := gate.known(tenant)) is not None]
    if len(quotas) < len(groups):
        return None
    for quota, (_, events, _) in zip(quotas, groups, strict=True):
        gate.count(quota, len(events))
    became = await _keep_soon(groups, aside)
    return _told_of_batch(taken, groups, became) if batch else _told_of_one(taken.events[0], became)


def _told_of_batch(taken: intake.Taken, groups: Groups, became: Became) -> dict[str, Any]:
    for tenant, events, _ in groups:
        metrics.BATCHES.labels(tenant.slug).inc(len(events))
    failed = [{"index": r.index, "error": r.error, "event_data": r.event_data} for r in taken.rejected]
    results = [
        {"event_id": event.event_id, "status": became.get(id(event), QUEUED)} for event in taken.events
    ]
    if not FAILURES.keys().isdisjoint(became.values()):
        told = zip(taken.places, taken.events, results, strict=True)
        failed += [
            {"index": place, "error": FAILURES[Status(result["status"])], "event_data": event}
            for place, event, result in told
            if result["status"] in FAILURES
        ]
        results = [result for result in results if result["status"] not in FAILURES]
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


def _keep(groups: Groups) -> Became:
    """Queue the events. While Redis is away store them at once."""
    payloads = _payloads(groups)
    try:
        queue.append(payloads)
    except RedisAway:
        return _store(groups, payloads)
    return {}


async def _keep_soon(groups: Groups, aside: Aside) -> Became:
    payloads = _payloads(groups)
    try:
        await queue.append_soon(payloads)
    except RedisAway:
        return await aside(partial(_store, groups, payloads))
    return {}


def _payloads(groups: Groups) -> Payloads:
    return [(tenant.pk, len(events), encoded or encode(events)) for tenant, events, encoded in groups]


def _store(groups: Groups, payloads: Payloads) -> Became:
    metrics.FALLBACKS.inc()
    now = datetime.now(UTC)
    lots = [ledger.Lot(str(tenant), now, ledger.read_rows(e), str(uuid7())) for tenant, _, e in payloads]
    statuses = itertools.chain.from_iterable(filing.file(lots))
    kept = (event for _, events, _ in groups for event in events)
    return {id(event): status for event, status in zip(kept, statuses, strict=True)}

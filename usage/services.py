"""Verbs on usage events: accept them, replay what was set aside."""

import functools
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.models import Scope, Tenant
from accounts.principals import Principal
from accounts.redis_link import RedisAway
from accounts.services.logs import audit
from accounts.wire import encode
from usage import intake, ledger, metrics, queue
from usage.models import DeadLetter

Statuses = dict[tuple[uuid.UUID, str], str]


def event_accept(*, by: Principal, body: bytes) -> dict[str, Any]:
    """Accept the one event of a request body; returns the contract's answer.

    Returned means kept: in Redis (`queued`) or in the ledger (`stored`, `duplicate`).
    Errors: ValidationFailed, PermissionRefused; DatabaseError when nothing could keep it.
    """
    event, tenant = intake.take_one(body, _gate(by))
    status = _keep([(tenant, [event])])[tenant.pk, event.event_id or ""]
    message = "Event received and queued for processing" if status == "queued" else f"Event {status}"
    return {"success": True, "event_id": event.event_id, "message": message, "status": status}


def batch_accept(*, by: Principal, body: bytes) -> dict[str, Any]:
    """Accept a batch of 1 to MAX_BATCH_SIZE events; a bad one never takes a good one down."""
    taken = intake.take_batch(body, _gate(by))
    groups = list(intake.by_tenant(taken))
    statuses = _keep(groups)
    for tenant, events in groups:
        metrics.BATCHES.labels(tenant.slug).inc(len(events))
    results = []
    for event, tenant in zip(taken.events, taken.tenants, strict=True):
        key = (tenant.pk, event.event_id or "")
        results.append({"event_id": event.event_id, "status": statuses[key]})
        if statuses[key] == "stored":  # the same id again in this batch is a duplicate
            statuses[key] = "duplicate"
    failed = [{"index": r.index, "error": r.error, "event_data": r.event_data} for r in taken.rejected]
    return {
        "success": True,
        "processed_count": len(results),
        "failed_count": len(failed),
        "failed_events": failed,
        "results": results,
        "message": f"Processed {len(results)} events, {len(failed)} failed",
    }


def dead_letters_replay(*, ids: Sequence[int], by: Principal) -> int:
    """Store the events of dead letters again; how many letters were replayed.

    A letter whose events are refused once more keeps its place and gets the new reason.
    """
    replayed = 0
    for letter in DeadLetter.objects.filter(pk__in=ids, status=DeadLetter.Status.DEAD):
        replayed += _replay(letter, by)
    return replayed


def _replay(letter: DeadLetter, by: Principal) -> bool:
    try:
        if letter.tenant_id is None:
            raise ValueError("the tenant of this entry is not known")
        rows = ledger.read_rows(letter.payload.encode())
        with transaction.atomic():
            open_letters = DeadLetter.objects.filter(pk=letter.pk, status=DeadLetter.Status.DEAD)
            if not open_letters.update(status=DeadLetter.Status.REPLAYED, replayed_at=timezone.now()):
                return False
            ledger.store([ledger.Lot(letter.tenant_id, letter.created_at, rows)])
            audit(by=by, action="dead_letter.replayed", tenant=letter.tenant, subject=letter)
    except (ValueError, msgspec.MsgspecError, *ledger.REFUSALS) as error:
        DeadLetter.objects.filter(pk=letter.pk).update(reason=str(error)[:2000])
        return False
    return True


def _gate(by: Principal) -> Callable[[str], Tenant]:
    """Finds and checks the tenant that an event names; each name is looked up once."""

    @functools.cache
    def admit(name: str) -> Tenant:
        caller = by.enter(name)
        caller.require(Scope.INGEST)
        return caller.home

    return admit


def _keep(groups: list[tuple[Tenant, list[intake.Event]]]) -> Statuses:
    """Queue the events, or store them at once while Redis is away."""
    payloads = [(tenant.pk, events, encode(events)) for tenant, events in groups]
    try:
        queue.append((tenant_id, len(events), payload) for tenant_id, events, payload in payloads)
    except RedisAway:
        return _store_now(payloads)
    return {(tenant_id, e.event_id or ""): "queued" for tenant_id, events, _ in payloads for e in events}


def _store_now(payloads: list[tuple[uuid.UUID, list[intake.Event], bytes]]) -> Statuses:
    now = datetime.now(UTC)
    lots = [ledger.Lot(tenant_id, now, ledger.read_rows(payload)) for tenant_id, _, payload in payloads]
    new = ledger.store(lots)
    metrics.FALLBACKS.inc()
    metrics.observe_stored(lots, new)
    return {
        (lot.tenant_id, row.event_id): "stored" if (lot.tenant_id, row.event_id) in new else "duplicate"
        for lot in lots
        for row in lot.rows
    }

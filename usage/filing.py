"""Lots into the ledger, whatever some of their events are like: what the database refuses is set aside."""

from dataclasses import replace

import structlog

from accounts.models import Tenant
from accounts.wire import encode
from usage import ledger, metrics
from usage.ledger import Lot, Row, Status
from usage.models import DeadLetter

log = structlog.get_logger(__name__)


def file(lots: list[Lot]) -> list[list[Status]]:
    """Store the lots; for each of them, what became of each of its rows.

    When the database refuses a transaction it is halved until the refused event stands alone.
    DatabaseError that is no refusal: the database is away, and what was not stored is not lost.
    """
    try:
        statuses = ledger.store(lots)
    except ledger.REFUSALS as error:
        return _halved(lots, error)
    metrics.observe_stored(lots, statuses)
    return statuses


def _halved(lots: list[Lot], error: Exception) -> list[list[Status]]:
    if len(lots) > 1:
        middle = len(lots) // 2
        return file(lots[:middle]) + file(lots[middle:])
    lot = lots[0]
    if len(lot.rows) == 1:
        set_aside(lot.entry_id, lot.tenant_id, lot.rows[0], str(error))
        return [[Status.REJECTED]]
    middle = len(lot.rows) // 2
    first, second = (file([replace(lot, rows=rows)]) for rows in (lot.rows[:middle], lot.rows[middle:]))
    return [first[0] + second[0]]


def set_aside(entry_id: str, tenant_id: str | None, row: Row, reason: str) -> None:
    """Keep one event that cannot be stored, to be replayed."""
    keep_letter(entry_id, tenant_id, row.event_id, encode([row]), reason)


def keep_letter(entry_id: str, tenant_id: str | None, event_id: str, payload: bytes, reason: str) -> None:
    """Write the letter once, whoever else was handed the same entry."""
    log.error("dead_letter", entry=entry_id, reason=reason[:500])
    known = Tenant.objects.filter(pk=tenant_id).first() if tenant_id else None
    _, created = DeadLetter.objects.get_or_create(
        entry_id=entry_id,
        event_id=event_id.replace("\x00", "")[:255],
        defaults={
            "tenant": known,
            "payload": payload.decode("utf-8", "backslashreplace").replace("\x00", "\\u0000"),
            "reason": reason.replace("\x00", "\\u0000")[:2000],
        },
    )
    if created:
        metrics.DEAD.inc()

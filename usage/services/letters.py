"""Dead letters: store after all what was set aside, mended or as it is, or let it rest."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from accounts.errors import AppError, Conflict, PermissionRefused, ValidationFailed
from accounts.models import Tenant
from accounts.principals import Principal, is_named
from accounts.services.cleaning import Job, Removed, Sweep
from accounts.services.logs import audit, deed
from accounts.wire import decode, encode
from usage import intake, ledger, metrics
from usage.cloudevents import take_structured
from usage.models import DeadLetter

REJECTED_PER_TENANT: Final = 10_000
Kind = DeadLetter.Kind
Status = DeadLetter.Status


def dead_letter_replay(
    *, by: Principal, letter: DeadLetter, event: dict[str, Any] | None = None
) -> list[dict[str, str]]:
    """Store what the letter holds, or `event` in its place; id and status (stored, duplicate) of each event.

    An event that was rejected on arrival, or is given, goes through the intake's checks.
    Errors: ValidationFailed when it is refused again, Conflict when its id is taken by another content:
    the letter stays open, with the new reason when nothing was mended. Conflict when it is closed already.
    """
    try:
        rows = _rows(letter, event)
        with transaction.atomic():
            _close(letter, by, Status.REPLAYED, mended=event)
            return _store(letter, rows, by)
    except AppError as error:
        if event is None:
            _open(letter).update(reason=error.message[:2000])
        raise


def dead_letters_replay(*, ids: Sequence[int], by: Principal) -> int:
    """Replay letters as they are; how many could be. The others keep their place and get the new reason."""
    replayed = 0
    for letter in DeadLetter.objects.select_related("tenant").filter(pk__in=ids, status=Status.DEAD):
        try:
            dead_letter_replay(by=by, letter=letter)
        except AppError:
            continue
        replayed += 1
    return replayed


@transaction.atomic
def dead_letter_dismiss(*, by: Principal, letter: DeadLetter, reason: str) -> None:
    """Let a letter rest for good; Conflict when it is closed already."""
    _close(letter, by, Status.DISMISSED, note=reason)
    _record(letter, by)


def rejected_letters_clear(sweep: Sweep) -> Removed:
    """The oldest rejected events of tenants that have more than REJECTED_PER_TENANT.

    Their senders were told. What was accepted and set aside later is never forgotten.
    """
    rejected = DeadLetter.objects.filter(kind=Kind.REJECTED).order_by()
    counts = rejected.values("tenant").annotate(letters=Count("id"))
    full = list(counts.filter(letters__gt=REJECTED_PER_TENANT).values_list("tenant", flat=True))
    for tenant in Tenant.objects.filter(pk__in=full):
        mine = rejected.filter(tenant=tenant)
        oldest_kept = mine.order_by("-id").values_list("id", flat=True)[REJECTED_PER_TENANT - 1]
        yield tenant, sweep.rows(mine.filter(id__lt=oldest_kept))


JOB: Final = Job("dead_letter", "the oldest of too many rejected events", rejected_letters_clear)


def _open(letter: DeadLetter) -> Any:
    return DeadLetter.objects.filter(pk=letter.pk, status=Status.DEAD)


def _close(letter: DeadLetter, by: Principal, status: DeadLetter.Status, **fields: Any) -> None:
    now = timezone.now()
    if not _open(letter).update(status=status, closed_at=now, closed_by=by.actor, **fields):
        raise Conflict("The letter is replayed or dismissed already.")
    letter.refresh_from_db(fields=["status", "closed_at", "closed_by", *fields])


def _store(letter: DeadLetter, rows: list[ledger.Row], by: Principal) -> list[dict[str, str]]:
    assert letter.closed_at is not None  # noqa: S101  (it was closed before)
    lot = ledger.Lot(str(letter.tenant_id), letter.closed_at, rows, letter.entry_id)
    try:
        statuses = ledger.store([lot])
    except (ValueError, *ledger.REFUSALS) as error:
        raise ValidationFailed(str(error)) from error
    if ledger.Status.CONFLICT in statuses[0]:
        raise Conflict(ledger.CONFLICT)
    _record(letter, by)
    transaction.on_commit(lambda: metrics.observe_stored([lot], statuses))
    return [
        {"event_id": row.event_id, "status": status} for row, status in zip(rows, statuses[0], strict=True)
    ]


def _record(letter: DeadLetter, by: Principal) -> None:
    action = f"dead_letter.{letter.status}"
    changes = {"status": [Status.DEAD, letter.status]}
    if letter.tenant is None:
        audit(by=by, action=action, subject=letter, changes=changes)
    else:
        payload = {"event_id": letter.event_id}
        deed(by=by, action=action, tenant=letter.tenant, subject=letter, changes=changes, payload=payload)


def _rows(letter: DeadLetter, event: dict[str, Any] | None) -> list[ledger.Row]:
    """What to store; usage without a timestamp happened when the letter was set aside."""
    if letter.tenant is None:
        raise ValidationFailed("the tenant of this entry is not known")
    if event is None and letter.kind == Kind.REJECTED:
        event = decode(letter.payload.encode())
    try:
        held = letter.payload.encode()
        rows = ledger.read_rows(held) if event is None else [_checked(letter, letter.tenant, event)]
    except msgspec.MsgspecError as error:
        raise ValidationFailed(str(error)) from error
    for row in rows:
        row.timestamp = row.timestamp or letter.created_at.isoformat()
    return rows


def _checked(letter: DeadLetter, tenant: Tenant, document: dict[str, Any]) -> ledger.Row:
    """The event as the intake takes it. It keeps its id, but for an id that was taken."""

    def admit(name: str) -> Tenant:
        if not is_named(tenant, name):
            raise PermissionRefused("The event names another tenant than the letter's.")
        return tenant

    known = {"tenant_id": tenant.slug}
    if letter.event_id and letter.kind != Kind.CONFLICT:
        known["event_id"] = letter.event_id
    if "specversion" in document:
        taken, _ = take_structured(encode(document), admit, home=tenant.slug)
    else:
        taken, _ = intake.take_one(encode(known | document), admit)
    return ledger.read_rows(encode([taken]))[0]

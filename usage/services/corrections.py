"""Void and amend events: what was accepted stays, what counts changes, and a signed correction says why."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.errors import Conflict, NotFound, ValidationFailed
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import deed
from accounts.wire import encode
from usage import content, intake
from usage.models import Correction, DirtyHour, UsageEvent

AMENDABLE: Final = ("timestamp", *content.FIELDS)
MAX_REVISION: Final = 32_767


@transaction.atomic
def event_void(
    *, by: Principal, event_id: str, reason: str, expected_revision: int | None = None
) -> Correction:
    """An event counts no more, from now on.

    Errors: 404 no such event; 409 voided already, changed meanwhile, or not at `expected_revision`.
    """
    live = _live(by.home, event_id, expected_revision)
    now = timezone.now()
    _end(live, now)
    _mark(by.home, [live.timestamp])
    return _correct(by, live, Correction.Kind.VOID, reason, now, {})


@transaction.atomic
def event_amend(
    *,
    by: Principal,
    event_id: str,
    reason: str,
    changes: dict[str, Any],
    expected_revision: int | None = None,
) -> Correction:
    """A new revision of an event counts from now on in place of the last.

    `changes` are whole new values of fields, as they would be sent; the result is checked as a sent event.
    Errors: 400 the event would not be accepted, a field cannot be changed, or nothing changes; else as void.
    """
    live = _live(by.home, event_id, expected_revision)
    values = _amended(by.home, live, changes)
    before = {name: getattr(live, name) for name in AMENDABLE}
    told = {name: [before[name], values[name]] for name in AMENDABLE if _differ(before[name], values[name])}
    if not told:
        raise ValidationFailed("Nothing would change.")
    if live.revision == MAX_REVISION:
        raise Conflict("The event was amended too often.")
    now = timezone.now()
    _end(live, now)
    UsageEvent.objects.create(
        tenant=by.home, event_id=event_id, revision=live.revision + 1, received_at=now, **values
    )
    _mark(by.home, [live.timestamp, values["timestamp"]])
    return _correct(by, live, Correction.Kind.AMEND, reason, now, told)


def _live(tenant: Tenant, event_id: str, expected: int | None) -> UsageEvent:
    """The revision that counts."""
    last = None
    if "\x00" not in event_id:  # PostgreSQL would not even look for it
        revisions = UsageEvent.objects.for_tenant(tenant).filter(event_id=event_id)
        last = revisions.order_by("-revision").first()
    if last is None:
        raise NotFound("There is no such event in this tenant.")
    if last.ended_at is not None:
        raise Conflict("The event is voided already.")
    if expected is not None and last.revision != expected:
        raise Conflict(f"The event is at revision {last.revision} now, not at {expected}.")
    return last  # type: ignore[no-any-return]


def _end(live: UsageEvent, now: datetime) -> None:
    """Compare and swap: of two corrections at once the second finds nothing to end."""
    if not UsageEvent.objects.for_tenant(live.tenant).filter(pk=live.pk, ended_at=None).update(ended_at=now):
        raise Conflict("The event was changed meanwhile; look at it and try again.")


def _amended(tenant: Tenant, live: UsageEvent, changes: dict[str, Any]) -> dict[str, Any]:
    """The values of the next revision, as the intake would store them."""
    for name in changes:
        if name not in AMENDABLE:
            raise ValidationFailed.field(name, f"it cannot be changed; these can: {', '.join(AMENDABLE)}.")
    if changes.get("timestamp", "") is None:
        raise ValidationFailed.field("timestamp", "an event keeps a timestamp.")
    current = {name: getattr(live, name) for name in content.FIELDS}
    document = {
        "tenant_id": tenant.slug,
        "event_id": live.event_id,
        "timestamp": live.timestamp.isoformat(),
        **{name: value for name, value in current.items() if value},
        **changes,
    }
    event, _ = intake.take_one(encode(document), lambda _: tenant)
    empty = UsageEvent()
    return {
        name: getattr(empty, name) if (value := getattr(event, name)) is None else value for name in AMENDABLE
    }


def _differ(before: Any, after: Any) -> bool:
    return bool(content.plain(before) != content.plain(after))


def _mark(tenant: Tenant, moments: Iterable[datetime]) -> None:
    """The sums of these hours no longer hold."""
    hours = {moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for moment in moments}
    DirtyHour.objects.bulk_create(DirtyHour(tenant=tenant, hour=hour) for hour in sorted(hours))


def _correct(
    by: Principal, ended: UsageEvent, kind: Correction.Kind, reason: str, now: datetime, told: dict[str, Any]
) -> Correction:
    correction = Correction(
        tenant=by.home,
        event_id=ended.event_id,
        revision=ended.revision,
        kind=kind,
        reason=reason,
        actor=by.actor,
        created_at=now,
        changes={name: [_document(value) for value in values] for name, values in told.items()},
    )
    correction.signature = correction.sign()
    correction.save(force_insert=True)
    deed(
        by=by,
        action=f"event.{kind}ed",
        tenant=by.home,
        subject=correction,
        changes={"revision": [ended.revision, None if kind == Correction.Kind.VOID else ended.revision + 1]},
        payload={"event_id": ended.event_id, "reason": reason},
    )
    return correction


def _document(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value

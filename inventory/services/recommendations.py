"""What people and automation do with recommendations: open, put off, dismiss, do."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.errors import Conflict, ValidationFailed
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.rows import row_locked
from accounts.services.logs import deed
from inventory.models import Recommendation, Resource

LONGEST_SNOOZE: Final = timedelta(days=366)
Status = Recommendation.Status
WAITING: Final = (Status.OPEN, Status.SNOOZED)
# What may be said of a recommendation in which status.
MOVES: Final[dict[str, tuple[Status, ...]]] = {
    "snooze": WAITING,
    "dismiss": WAITING,
    "done": (*WAITING, Status.CLOSED),
    "reopen": (Status.SNOOZED, Status.DISMISSED, Status.DONE),
}


@transaction.atomic
def recommendation_open(
    *,
    by: Principal,
    tenant: Tenant,
    rule: str,
    resource: Resource,
    description: str,
    recommendation_type: str = "General",
    priority: str = Recommendation.Priority.MEDIUM,
    saving_monthly: Decimal = Decimal(0),
    currency: str = "",
    action_items: Sequence[str] = (),
    evidence: dict[str, Any] | None = None,
) -> tuple[Recommendation, bool]:
    """Recommend something of a resource in the name of `rule`; whether that is open only now.

    Such a recommendation stays until somebody closes it: no computation does. One that is open, put off or
    dismissed stays as it is; one that was done or closed is opened again. `rule` is none of inventory.rules.
    """
    told = {
        "description": description, "recommendation_type": recommendation_type, "priority": priority,
        "saving_monthly": saving_monthly, "currency": currency or tenant.currency,
        "action_items": list(action_items), "evidence": evidence or {},
    }  # fmt: skip
    named = {"resource": resource, "provider": resource.provider, "native_id": resource.resource_id}
    row, is_new = Recommendation.objects.select_for_update().get_or_create(
        tenant=tenant, rule=rule, subject=resource.pk, defaults={**named, **told}
    )
    if not is_new:
        if row.status not in {Status.DONE, Status.CLOSED}:
            return row, False
        for name, value in {**named, **told}.items():
            setattr(row, name, value)
        row.status, row.status_reason, row.status_by = Status.OPEN, "", ""
        row.opened_at = row.status_at = row.updated_at = timezone.now()
        row.save()
    _tell(by, row, "recommendation.opened")
    return row, True


def recommendation_snooze(
    *, by: Principal, row: Recommendation, until: datetime, reason: str
) -> Recommendation:
    """Put it off until a moment; it is open again from then on. Errors: 400 the moment, 409 its status."""
    now = timezone.now()
    if not now < until <= now + LONGEST_SNOOZE:
        raise ValidationFailed.field("until", "give a moment of the next 366 days.")
    return _move(by, row, MOVES["snooze"], Status.SNOOZED, reason, "snoozed", snoozed_until=until)


def recommendation_dismiss(*, by: Principal, row: Recommendation, reason: str) -> Recommendation:
    """Never show it again, whatever later computations find. Errors: 409 its status."""
    return _move(by, row, MOVES["dismiss"], Status.DISMISSED, reason, "dismissed")


def recommendation_done(*, by: Principal, row: Recommendation, reason: str) -> Recommendation:
    """Somebody did it: what it saved is checked against costs 7 and 30 days later. Errors: 409 its status."""
    return _move(by, row, MOVES["done"], Status.DONE, reason, "done")


def recommendation_reopen(*, by: Principal, row: Recommendation, reason: str) -> Recommendation:
    """Take back what was said of it. Errors: 409 nobody said anything."""
    return _move(by, row, MOVES["reopen"], Status.OPEN, reason, "reopened", opened_at=timezone.now())


@transaction.atomic
def _move(
    by: Principal,
    row: Recommendation,
    before: Sequence[str],
    status: str,
    reason: str,
    word: str,
    **fields: Any,
) -> Recommendation:
    row = row_locked(row)
    if row.status not in before:
        raise Conflict(f"The recommendation is {row.status}.")
    was, row.status = row.status, status
    row.status_reason, row.status_by, row.status_at = reason, by.actor, timezone.now()
    for name, value in {"snoozed_until": None, **fields}.items():
        setattr(row, name, value)
    row.save()
    _tell(by, row, f"recommendation.{word}", {"status": [was, status]}, reason=reason)
    return row


def _tell(
    by: Principal,
    row: Recommendation,
    action: str,
    changes: dict[str, Any] | None = None,
    **payload: Any,
) -> None:
    told = {
        "rule": row.rule,
        "resource": str(row.resource_id) if row.resource_id else None,
        "resource_id": row.native_id,
        "saving_monthly": canonical(row.saving_monthly),
        "currency": row.currency,
    }
    deed(by=by, action=action, tenant=row.tenant, subject=row, changes=changes, payload={**told, **payload})

"""Alerts: made, changed, raised, acknowledged, resolved."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.errors import AppError, Conflict, ValidationFailed
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import SYSTEM, Principal
from accounts.row_security import as_tenant
from accounts.rows import row_check
from accounts.services.deliveries import notify
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from usage.filters import read_filter, read_property
from usage.models import Alert
from usage.models.alerts import DAY_MINUTES, MOST_EMAILS
from usage.queries.alerts import Reading, alert_reading

MOST: Final = 100  # of a tenant: each is evaluated every minute
RAW: Final = frozenset({Alert.Measure.COST, Alert.Measure.ERROR_RATE, Alert.Measure.LATENCY})
FIELDS: Final = (
    "name", "measure", "metric", "filter", "operator", "threshold", "currency", "window_minutes",
    "cooldown_minutes", "min_points", "emails", "is_active",
)  # fmt: skip
Status = Alert.Status
log = structlog.get_logger(__name__)


@transaction.atomic
def alert_create(*, by: Principal, tenant: Tenant, **fields: Any) -> Alert:
    """A new alert; `fields` are those of FIELDS. Errors: 400 a field, 409 the name is taken or too many."""
    tenant_lock(tenant)
    if Alert.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} alerts.")
    alert = Alert(tenant=tenant, **fields)
    _save(alert)
    deed(by=by, action="alert.created", tenant=tenant, subject=alert, payload={"name": alert.name})
    return alert


@transaction.atomic
def alert_update(*, by: Principal, alert: Alert, changes: dict[str, Any]) -> Alert:
    """Change some of FIELDS. What it said by its old definition is over: it starts as resolved again."""
    stored: Alert = Alert.objects.for_tenant(alert.tenant).select_for_update().get(pk=alert.pk)
    before = {name: getattr(stored, name) for name in FIELDS}
    different = {name: value for name, value in changes.items() if before[name] != value}
    if not different:
        return stored
    for name, value in different.items():
        setattr(stored, name, value)
    stored.status, stored.status_since, stored.raised_at = Status.RESOLVED, timezone.now(), None
    _save(stored)
    told = {name: [_told(before[name]), _told(value)] for name, value in different.items()}
    deed(by=by, action="alert.updated", tenant=stored.tenant, subject=stored, changes=told)
    return stored


@transaction.atomic
def alert_delete(*, by: Principal, alert: Alert) -> None:
    deed(by=by, action="alert.deleted", tenant=alert.tenant, subject=alert, payload={"name": alert.name})
    alert.delete()


@transaction.atomic
def alert_acknowledge(*, by: Principal, alert: Alert) -> Alert:
    """Say that somebody is at it. Errors: 409 it is not active."""
    if not _moves(alert, Status.ACTIVE, to=Status.ACKNOWLEDGED):
        raise Conflict("Only an active alert can be acknowledged.")
    deed(by=by, action="alert.acknowledged", tenant=alert.tenant, subject=alert, payload=_payload(alert))
    return alert


@transaction.atomic
def alert_resolve(*, by: Principal, alert: Alert) -> Alert:
    """Close it by hand; still crossed after its cooldown it is raised again. Errors: 409 not open."""
    if not _moves(alert, Status.ACTIVE, Status.ACKNOWLEDGED, to=Status.RESOLVED):
        raise Conflict("This alert is resolved already.")
    deed(by=by, action="alert.resolved", tenant=alert.tenant, subject=alert, payload=_payload(alert))
    return alert


def alerts_evaluate(*, now: datetime | None = None) -> int:
    """Look at every active alert of every active tenant; how many were raised or resolved."""
    now = now or timezone.now()
    changed = 0
    for alert in Alert.objects.filter(is_active=True, tenant__is_active=True).select_related("tenant"):
        try:
            with as_tenant(alert.tenant_id):
                changed += alert_evaluate(alert=alert, now=now)
        except AppError as error:  # a definition that no longer holds stops no other
            log.warning("alert_not_evaluated", alert=str(alert.pk), error=error.message)
    return changed


def alert_evaluate(*, alert: Alert, now: datetime) -> bool:
    """Raise or resolve an alert by what its window says now; was there anything to change?"""
    reading = alert_reading(alert, now)
    crossed = _is_crossed(alert, reading)
    with transaction.atomic():
        Alert.objects.for_tenant(alert.tenant).filter(pk=alert.pk).update(
            value=reading.value, evaluated_at=now
        )
        alert.value = reading.value
        if crossed and _raises(alert, now):
            _tell(alert, "alert.raised")
            return True
        if not crossed and _moves(alert, Status.ACTIVE, Status.ACKNOWLEDGED, to=Status.RESOLVED):
            _tell(alert, "alert.resolved")
            return True
    return False


def _is_crossed(alert: Alert, reading: Reading) -> bool:
    if reading.value is None or reading.points < alert.min_points:
        return False
    return alert.is_crossed_by(reading.value)


def _raises(alert: Alert, now: datetime) -> bool:
    """The one of several evaluators whose update finds it resolved, and not raised within its cooldown."""
    rested = Q(raised_at=None) | Q(raised_at__lte=now - alert.cooldown)
    found = Alert.objects.for_tenant(alert.tenant).filter(rested, pk=alert.pk, status=Status.RESOLVED)
    if not found.update(status=Status.ACTIVE, status_since=now, raised_at=now):
        return False
    alert.refresh_from_db()
    return True


def _moves(alert: Alert, *states: Alert.Status, to: Alert.Status) -> bool:
    found = Alert.objects.for_tenant(alert.tenant).filter(pk=alert.pk, status__in=states)
    if not found.update(status=to, status_since=timezone.now()):
        return False
    alert.refresh_from_db()
    return True


def _tell(alert: Alert, action: str) -> None:
    payload = _payload(alert)
    deed(by=SYSTEM, action=action, tenant=alert.tenant, subject=alert, payload=payload)
    notify(tenant=alert.tenant, type=action, to=alert.emails, payload=payload)


def _payload(alert: Alert) -> dict[str, Any]:
    return {
        "tenant": alert.tenant.slug,
        "name": alert.name,
        "measure": alert.measure,
        "operator": alert.operator,
        "threshold": _told(alert.threshold),
        "value": _told(alert.value),
        "unit": alert.currency if alert.measure == Alert.Measure.COST else alert.metric,
        "window_minutes": alert.window_minutes,
        "status": alert.status,
        "since": alert.status_since.isoformat(),
    }


def _told(value: Any) -> Any:
    return canonical(value) if isinstance(value, Decimal) else value


def _save(alert: Alert) -> None:
    read_filter(alert.filter)
    if alert.metric:
        read_property(f"metrics.{alert.metric}", "metric")
    if alert.measure in RAW and alert.window_minutes > DAY_MINUTES:
        raise ValidationFailed.field("window_minutes", f"of {alert.measure} it is at most a day.")
    _check_emails(alert.emails)
    row_check(alert)
    try:
        with transaction.atomic():
            alert.save()
    except IntegrityError as error:
        raise Conflict(f"There is an alert named {alert.name!r} already.") from error


def _check_emails(emails: Any) -> None:
    if not isinstance(emails, list) or len(emails) > MOST_EMAILS:
        raise ValidationFailed.field("emails", f"give a list of at most {MOST_EMAILS} addresses.")
    for address in emails:
        try:
            validate_email(address)
        except ValidationError as error:
            raise ValidationFailed.field("emails", f"{address!r} is no e-mail address.") from error

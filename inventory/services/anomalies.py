"""What people say of anomalies, and what the platform sets for them."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.errors import NotFound
from accounts.exact import canonical
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.rows import row_check
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.models import AnomalyFeedback, AnomalyThresholds
from inventory.queries.anomalies import SeriesKey, cost_anomalies, thresholds_of


@transaction.atomic
def anomaly_judge(
    *, by: Principal, tenant: Tenant, series: SeriesKey, day: date, status: str, note: str = ""
) -> AnomalyFeedback:
    """Say what an anomaly that begins on a day is; said again, it is replaced. Errors: 404 there is none."""
    tenant = tenant_lock(tenant)
    found = cost_anomalies(tenant=tenant, start=day, end=None)
    one = next((each for each in found if (each.series, each.start) == (series, day)), None)
    if one is None:
        raise NotFound("No anomaly of this service and account begins on this day.")
    named = dict(zip(("currency", "service", "account"), series, strict=True))
    row = AnomalyFeedback.objects.for_tenant(tenant).filter(day=day, **named).first()
    row = row or AnomalyFeedback(tenant=tenant, day=day, **named)
    before = row.status or "open"
    row.status, row.note, row.actor = status, note, by.actor
    row.daily_impact = one.daily_impact.quantize(Decimal("1E-6"))
    row.save()
    payload = {**named, "day": day.isoformat(), "status": status, "impact": canonical(one.impact)}
    changes = {"status": [before, status]}
    deed(by=by, action="anomaly.judged", tenant=tenant, subject=row, changes=changes, payload=payload)
    return row


@transaction.atomic
def anomaly_thresholds_set(*, by: Principal, tenant: Tenant, changes: dict[str, Any]) -> AnomalyThresholds:
    """Let a tenant have thresholds of its own. Errors: 400."""
    tenant = tenant_lock(tenant)
    row = thresholds_of(tenant)
    told = {name: [str(getattr(row, name)), str(value)] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    row_check(row)
    row.save()
    deed(by=by, action="anomaly_thresholds.set", tenant=tenant, subject=row, changes=told)
    return row

"""What Gcore says beside what we metered, on schedule: kept, and told when there is something new."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.row_security import as_tenant
from accounts.services.deliveries import notify
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from gcore.models import ProviderImport, Reconciliation
from gcore.queries.reconciliation import Comparison, Line, comparison
from gcore.reconciliation_files import line_document

LATE_DAYS: Final = 10  # of a month on which the one before is still compared


def reconcile_all(*, now: datetime | None = None) -> int:
    """Compare this month, and in its first days the one before, for every tenant with imports; how many."""
    today = (now or timezone.now()).date()
    months = [today.replace(day=1)]
    if today.day <= LATE_DAYS:
        months.append((months[0] - timedelta(days=1)).replace(day=1))
    imported = ProviderImport.objects.filter(day__gte=months[-1]).order_by()
    tenants = Tenant.objects.filter(is_active=True, pk__in=imported.values("tenant"))
    done = 0
    for tenant in tenants:
        with as_tenant(tenant):
            done += sum(reconcile(tenant=tenant, month=month) is not None for month in months)
    return done


def reconcile(*, tenant: Tenant, month: date) -> Reconciliation | None:
    """Compare a month and keep what was found; tell of problems that are new, and when none is left.

    None while nothing of it has come in.
    """
    found = comparison(tenant=tenant, month=month)
    if found.starts_on == found.ends_on:
        return None
    problems = _problems(found.lines)
    with transaction.atomic():
        tenant = tenant_lock(tenant)
        before = Reconciliation.objects.for_tenant(tenant).filter(month=month).first()
        kept = Reconciliation(tenant=tenant, month=month, problems=problems, **_said(found))
        known: list[str] = []
        if before is not None:
            kept.pk, known = before.pk, before.problems
        kept.save(force_insert=before is None, force_update=before is not None)
        if set(problems) - set(known):
            _tell(kept, found, "reconciliation.raised")
        elif known and not problems:
            _tell(kept, found, "reconciliation.resolved")
    return kept


def _said(found: Comparison) -> dict[str, Any]:
    return {
        "starts_on": found.starts_on,
        "ends_on": found.ends_on,
        "counts": found.counts,
        "lines": [line_document(line) for line in found.lines],
        "checked_at": timezone.now(),
    }


def _problems(lines: Sequence[Line]) -> list[str]:
    """Who meters nothing of Gcore's at all is not told of each feature that it is missing."""
    metered = any(line.own for line in lines)
    return [
        f"{line.feature_id} {finding}"
        for line in lines
        for finding in line.findings
        if finding != "missing" or metered
    ]


def _tell(kept: Reconciliation, found: Comparison, action: str) -> None:
    tenant = kept.tenant
    payload = {
        "tenant": tenant.slug,
        "month": f"{kept.month:%Y-%m}",
        "starts_on": kept.starts_on.isoformat(),
        "ends_on": kept.ends_on.isoformat(),
        "counts": kept.counts,
        "problems": [
            {
                "feature_id": line.feature_id,
                "feature_name": line.feature_name,
                "findings": list(line.findings),
            }
            for line in found.lines
            if line.findings
        ],
    }
    deed(by=SYSTEM, action=action, tenant=tenant, subject=kept, payload=payload)
    to = [tenant.contact_email] if tenant.contact_email else []
    notify(tenant=tenant, type=action, to=to, payload=payload)

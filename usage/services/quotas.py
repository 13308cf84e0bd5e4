"""Quotas: set by the platform, told when they are nearly used."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant
from accounts.principals import SYSTEM, Principal
from accounts.row_security import as_tenant
from accounts.services.logs import deed
from usage.models import Quota
from usage.queries.quotas import month_of, used_between

TOLD_AT: Final = (100, 80)  # per cent


@transaction.atomic
def quota_set(*, by: Principal, tenant: Tenant, monthly_events: int, hard: bool) -> Quota:
    """Give a tenant its quota, or another one; processes notice within ten seconds."""
    quota: Quota
    quota, created = Quota.objects.select_for_update().get_or_create(
        tenant=tenant, defaults={"monthly_events": monthly_events, "hard": hard}
    )
    before = [None, None] if created else [quota.monthly_events, quota.hard]
    quota.monthly_events, quota.hard, quota.told = monthly_events, hard, ""
    quota.save()
    changes = {"monthly_events": [before[0], monthly_events], "hard": [before[1], hard]}
    deed(by=by, action="quota.set", tenant=tenant, subject=quota, changes=changes)
    return quota


@transaction.atomic
def quota_delete(*, by: Principal, quota: Quota) -> None:
    deed(by=by, action="quota.deleted", tenant=quota.tenant, subject=quota)
    quota.delete()


def quotas_tell(*, now: datetime | None = None) -> int:
    """Tell each tenant once a month that 80 % or 100 % of its quota is used; how many were told."""
    start, end = month_of(now or timezone.now())
    told = 0
    for quota in Quota.objects.filter(tenant__is_active=True).select_related("tenant"):
        with as_tenant(quota.tenant_id):
            used = used_between(quota.tenant, start, end)
            reached = next((p for p in TOLD_AT if used * 100 >= quota.monthly_events * p), None)
            if reached is not None:
                told += _tell(quota, f"{start:%Y-%m} {reached:3d}", reached, used)
    return told


@transaction.atomic
def _tell(quota: Quota, mark: str, percent: int, used: int) -> bool:
    """The marks of later months and of higher percentages come later in the alphabet."""
    unsaid = Quota.objects.for_tenant(quota.tenant).filter(pk=quota.pk, told__lt=mark)
    if not unsaid.update(told=mark):
        return False
    payload = {"percent": percent, "used": used, "monthly_events": quota.monthly_events, "hard": quota.hard}
    deed(by=SYSTEM, action="quota.reached", tenant=quota.tenant, subject=quota, payload=payload)
    return True

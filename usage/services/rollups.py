"""Sums that are to be made again."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import Tenant
from accounts.principals import Principal
from accounts.services.logs import audit
from usage.models import DirtyHour


@transaction.atomic
def rollups_remake(*, by: Principal, tenant: Tenant, starts: Iterable[datetime]) -> int:
    """Mark the hours that begin then, so that they and their days are made again; how many were marked."""
    hours = sorted(set(starts))
    DirtyHour.objects.bulk_create(DirtyHour(tenant=tenant, hour=hour) for hour in hours)
    if hours:
        marked = [hour.isoformat() for hour in hours]
        audit(by=by, action="rollups.remade", tenant=tenant, changes={"hours": [None, marked]})
    return len(hours)

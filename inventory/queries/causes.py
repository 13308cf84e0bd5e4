"""What changed in the inventory on the days of an anomaly and the two before."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q

from accounts.models import Tenant
from inventory.columns import midnight
from inventory.models import Charge, ResourceChange
from inventory.queries.anomalies import Anomaly, account_of, is_of

BEFORE: Final = timedelta(days=2)
MOST_READ: Final = 5_000
MOST_TOLD: Final = 20


class Cause(NamedTuple):
    """`changes` has field → [before, after], nothing for a resource that was new."""

    resource: UUID
    resource_id: str
    kind: str
    at: datetime
    changes: dict[str, Any]


def causes_of(tenant: Tenant, found: Sequence[Anomaly]) -> list[list[Cause]]:
    """For each anomaly what changed about its resources, the newest first, at most MOST_TOLD.

    A new resource counts at the time when its provider made it, any other change when we heard of it.
    """
    if not found:
        return []
    start = midnight(min(one.start for one in found)) - BEFORE
    end = midnight(max(one.last for one in found)) + timedelta(days=1)
    created = Q(kind=ResourceChange.Kind.CREATED)
    within = (created & Q(resource__created_at__gte=start, resource__created_at__lt=end)) | (
        ~created & Q(at__gte=start, at__lt=end)
    )
    rows = ResourceChange.objects.for_tenant(tenant).filter(within)
    changes = list(rows.select_related("resource__cloud_account").order_by("-id")[:MOST_READ])
    services = _services(tenant, {change.resource.resource_id for change in changes})
    return [[_cause(c) for c in changes if _concerns(one, c, services)][:MOST_TOLD] for one in found]


def _services(tenant: Tenant, resource_ids: set[str]) -> dict[tuple[str, str], set[str]]:
    """By provider and id of a resource, what services it was charged for."""
    named: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    charges = Charge.objects.for_tenant(tenant).filter(resource_id__in=resource_ids)
    for provider, resource_id, service in charges.values_list("provider", "resource_id", "service_name"):
        named[provider, resource_id].add(service)
    return named


def _concerns(one: Anomaly, change: ResourceChange, services: dict[tuple[str, str], set[str]]) -> bool:
    resource = change.resource
    since, until = midnight(one.start) - BEFORE, midnight(one.last) + timedelta(days=1)
    of = services.get((resource.provider, resource.resource_id), set())
    return since <= _moment(change) < until and is_of(one, account_of(resource), of)


def _moment(change: ResourceChange) -> datetime:
    is_new = change.kind == ResourceChange.Kind.CREATED
    return change.resource.created_at if is_new else change.at


def _cause(change: ResourceChange) -> Cause:
    resource = change.resource
    return Cause(resource.pk, str(resource.resource_id), change.kind, _moment(change), change.changes)

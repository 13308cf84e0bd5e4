"""What guests see of each model: their folders, the products in them, and what these own.

`for_tenant` asks here for whoever entered a tenant as a guest. Of a model that is not named here they see
nothing, so that a list which nobody thought of is empty for them.
"""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import SIGHTS, ActivityEntry, Tenant
from inventory.models import (
    Charge,
    CostDay,
    CostLine,
    ExchangeRate,
    Folder,
    FolderPermission,
    Product,
    RealisedSaving,
    Recommendation,
    Resource,
    ResourceChange,
)
from inventory.queries.folders import Level, guest_levels
from inventory.queries.owners import owned_charges, owned_resources

Rows = QuerySet[Any]


def _folders(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(pk__in=guest_levels(tenant))


def _in_folders(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(folder__in=guest_levels(tenant))


def _resources(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(pk__in=owned_resources(tenant, _products(tenant)).values("pk"))


def _recommendations(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(resource__in=owned_resources(tenant, _products(tenant)).values("pk"))


def _realised(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(recommendation__in=Recommendation.objects.for_tenant(tenant).values("pk"))


def _changes(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(resource__in=owned_resources(tenant, _products(tenant)).values("pk"))


def _charges(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(pk__in=owned_charges(tenant, _products(tenant)).values("pk"))


def _lines(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(charge__in=owned_charges(tenant, _products(tenant)).values("pk"))


def _days(rows: Rows, tenant: Tenant) -> Rows:
    return rows.filter(Exists(CostLine.objects.for_tenant(tenant).filter(cost_day=OuterRef("pk"))))


def _activity(rows: Rows, tenant: Tenant) -> Rows:
    """What was done to their folders and the products in these; to rights, in those that they manage."""
    levels = guest_levels(tenant)
    managed = [str(folder) for folder, level in levels.items() if level == Level.MANAGE]
    seen = rows.filter(payload__folder_id__in=[str(folder) for folder in levels])
    return seen.filter(~Q(type__startswith="folder_permission.") | Q(payload__folder_id__in=managed))


def _all(rows: Rows, tenant: Tenant) -> Rows:
    return rows


def _products(tenant: Tenant) -> list[UUID]:
    return list(Product.objects.for_tenant(tenant).values_list("pk", flat=True))


OURS: Final[dict[Any, Callable[[Rows, Tenant], Rows]]] = {
    ActivityEntry: _activity,
    Charge: _charges,
    CostDay: _days,
    CostLine: _lines,
    ExchangeRate: _all,  # they say nothing of what is spent, and reports in one currency need them
    Folder: _folders,
    FolderPermission: _in_folders,
    Product: _in_folders,
    RealisedSaving: _realised,
    Recommendation: _recommendations,
    Resource: _resources,
    ResourceChange: _changes,
}


def enter_sights() -> None:
    SIGHTS.update(OURS)

"""Resources by a filter."""

from django.db.models import QuerySet

from accounts.models import Tenant
from inventory.filters import filter_q, read_filter
from inventory.models import Resource
from inventory.queries.owners import resource_properties


def resources_matching(tenant: Tenant, filter: str) -> QuerySet[Resource]:
    """The tenant's resources that a filter names; ValidationFailed when it is none."""
    rows: QuerySet[Resource] = Resource.objects.for_tenant(tenant)
    known = resource_properties(tenant)
    return rows.filter(filter_q(read_filter(filter, known), known))

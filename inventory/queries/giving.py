"""What a product may be given by hand, and what it was given."""

from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.models import Tenant
from inventory.filters import Properties, filter_q, read_filter
from inventory.models import Charge, CostLine, Product, Resource
from inventory.queries.owners import (
    charge_owner,
    charge_properties,
    owner_labels,
    resource_owner,
    resource_properties,
)

MOST: Final = 50


class Choice(NamedTuple):
    """`pk` is what the verbs take: of a resource, or of a line that stands for its charge."""

    pk: UUID
    name: str
    about: list[str]
    owner: str


def resources_matching_for(tenant: Tenant, filter: str) -> list[Choice]:
    """The newest resources that match. Errors: 400 the filter."""
    matches = _matches(filter, resource_properties(tenant))
    return _resources(tenant, Resource.objects.for_tenant(tenant).filter(matches))


def resources_given(product: Product) -> list[Choice]:
    given = product.given_resources.values("resource")
    return _resources(product.tenant, Resource.objects.for_tenant(product.tenant).filter(pk__in=given))


def charges_matching_for(tenant: Tenant, filter: str) -> list[Choice]:
    """Some charges that match and have lines that count. Errors: 400 the filter."""
    matches = _matches(filter, charge_properties(tenant))
    return _charges(tenant, Charge.objects.for_tenant(tenant).filter(matches))


def charges_given(product: Product) -> list[Choice]:
    given = product.given_charges.values("charge")
    return _charges(product.tenant, Charge.objects.for_tenant(product.tenant).filter(pk__in=given))


def _matches(filter: str, properties: Properties) -> Q:
    return filter_q(read_filter(filter, properties), properties) if filter else Q()


def _resources(tenant: Tenant, rows: QuerySet[Resource]) -> list[Choice]:
    labels = owner_labels(tenant, "product")
    found = rows.annotate(owner=resource_owner(tenant)).order_by("-pk")[:MOST]
    return [
        Choice(row.pk, row.name or row.resource_id, [row.provider, row.region], labels.get(row.owner, ""))
        for row in found
    ]


def _charges(tenant: Tenant, rows: QuerySet[Charge]) -> list[Choice]:
    lines = CostLine.objects.for_tenant(tenant).live().filter(charge=OuterRef("pk")).values("pk")[:1]
    labels = owner_labels(tenant, "product")
    found = rows.annotate(owner=charge_owner(tenant), line=Subquery(lines)).exclude(line=None)
    return [
        Choice(row.line, row.service_name, _told(row), labels.get(row.owner, ""))
        for row in found.order_by("provider", "service_name", "pk")[:MOST]
    ]


def _told(charge: Charge) -> list[str]:
    says = (
        charge.provider,
        charge.sub_account_name or charge.sub_account_id,
        charge.region,
        charge.resource_name or charge.resource_id,
        charge.charge_category,
        charge.charge_description,
    )
    return [text for text in says if text]

"""Which product owns a resource or a charge: found anew whenever it is asked, so that it is never stale."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, UUIDField, Value, When
from django.db.models.functions import Coalesce

from accounts.exact import COMPARED
from accounts.grammar import Exists, In, Leaf
from accounts.models import Tenant
from inventory.filters import CHARGES, COSTS, RESOURCES, Kind, Properties, Property, filter_q, read_filter
from inventory.models import Charge, Product, ProductCharge, ProductResource, Resource
from inventory.queries.folders import folder_paths, products_seen

Labels = dict[UUID, str]


def owned_resources(tenant: Tenant, products: Iterable[UUID]) -> QuerySet[Resource]:
    """The resources of the tenant that these products own."""
    rows: QuerySet[Resource] = _of(Resource.objects.filter(tenant=tenant), resource_owner(tenant), products)
    return rows


def owned_charges(tenant: Tenant, products: Iterable[UUID]) -> QuerySet[Charge]:
    """The charges of the tenant whose lines these products own."""
    rows: QuerySet[Charge] = _of(Charge.objects.filter(tenant=tenant), charge_owner(tenant), products)
    return rows


def charge_owner(tenant: Tenant) -> Any:
    """The id of the product that owns a Charge, or null."""
    resources = Resource.objects.filter(
        tenant=tenant, provider=OuterRef("provider"), resource_id=OuterRef("resource_id")
    )
    owners = resources.annotate(owner=resource_owner(tenant)).values("owner")[:1]
    given = ProductCharge.objects.filter(tenant=tenant, charge=OuterRef("pk")).values("product")[:1]
    return Coalesce(
        Subquery(given), _first(tenant, "cost_filter", CHARGES), Subquery(owners), output_field=UUIDField()
    )


def owner_labels(tenant: Tenant, name: str) -> Labels:
    """For each product that is seen its path (`product`) or that of its folder (`folder`)."""
    paths = folder_paths(tenant)
    rows = products_seen(tenant).values_list("pk", "folder_id", "name")
    if name == "folder":
        return {pk: paths[folder] for pk, folder, _ in rows}
    return {pk: f"{paths[folder]}/{own.replace('/', chr(92) + '/')}" for pk, folder, own in rows}


def resource_properties(tenant: Tenant) -> Properties:
    """Those of RESOURCES, and the tenant's `product` and `folder`."""
    return {**RESOURCES, **_owned(tenant, lambda ids: Q(pk__in=owned_resources(tenant, ids).values("pk")))}


def charge_properties(tenant: Tenant) -> Properties:
    """Those of CHARGES, and the tenant's `product` and `folder`."""
    return {**CHARGES, **_owned(tenant, lambda ids: Q(pk__in=owned_charges(tenant, ids).values("pk")))}


def cost_properties(tenant: Tenant) -> Properties:
    """Those of COSTS, and the tenant's `product` and `folder`."""
    return {**COSTS, **_owned(tenant, lambda ids: Q(charge__in=owned_charges(tenant, ids).values("pk")))}


def _of(rows: Any, owner: Any, products: Iterable[UUID]) -> Any:
    return rows.alias(owner=owner).filter(owner__in=list(products)).order_by()


def resource_owner(tenant: Tenant) -> Any:
    given = ProductResource.objects.filter(tenant=tenant, resource=OuterRef("pk")).values("product")[:1]
    return Coalesce(Subquery(given), _first(tenant, "resource_filter", RESOURCES), output_field=UUIDField())


def _first(tenant: Tenant, field: str, properties: Properties) -> Any:
    """The first product of all, whoever asks, whose filter matches."""
    products = Product.objects.filter(tenant=tenant).exclude(**{field: ""}).order_by("pk")
    whens = (
        When(filter_q(read_filter(text, properties), properties), then=Value(pk, UUIDField()))
        for pk, text in products.values_list("pk", field)
    )
    return Case(*whens, default=Value(None, UUIDField()), output_field=UUIDField())


def _owned(tenant: Tenant, of: Callable[[list[UUID]], Q]) -> Properties:
    labels = cache(lambda name: owner_labels(tenant, name))

    def matched(name: str) -> Callable[[Leaf], Q]:
        return lambda leaf: of([pk for pk, label in labels(name).items() if _matches(leaf, label)])

    return {name: Property(Kind.TEXT, "", matched(name)) for name in ("product", "folder")}


def _matches(leaf: Leaf, label: str) -> bool:
    if isinstance(leaf, Exists):
        return True
    if isinstance(leaf, In):
        return label in map(str, leaf.values)
    return COMPARED[leaf.operator](label, str(leaf.value))

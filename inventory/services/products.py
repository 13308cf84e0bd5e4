"""Products: made, changed, moved and removed, and given resources and costs by hand."""

from collections.abc import Sequence, Set
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.errors import Conflict, RateLimited, ValidationFailed
from accounts.models import AuditEntry, Scope, Tenant
from accounts.principals import Principal
from accounts.rows import row_check, row_locked
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.filters import CHARGES, RESOURCES, read_filter
from inventory.models import CostLine, Product, ProductCharge, ProductResource, Resource
from inventory.queries.folders import Level, require_level
from inventory.services.folders import person_of

MOST: Final = 500  # of a tenant: whose a resource is, is asked of all their filters
CREATED: Final = "product.created"
FILTERS: Final = frozenset({"resource_filter", "cost_filter"})


@transaction.atomic
def product_create(*, by: Principal, tenant: Tenant, folder_id: UUID, **fields: Any) -> Product:
    """A new product; `fields` are name, description, owner and, for those who may write, the filters.

    Errors: 400; 403, 404 the folder; 409 the name is taken there or there are too many; 429 the caller made
    one lately.
    """
    tenant = tenant_lock(tenant)
    require_level(by, folder_id, Level.EDIT)
    if Product.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} products.")
    product = Product(tenant=tenant, folder_id=folder_id, **fields)
    product.owner = product.owner or person_of(by)
    _require_filters(by, product, {name for name in FILTERS if getattr(product, name)})
    _require_turn(by, tenant)
    _save(product)
    _log(by, CREATED, product)
    return product


@transaction.atomic
def product_update(*, by: Principal, product: Product, changes: dict[str, Any]) -> Product:
    """Change it or move it by `folder_id`, into a folder that the caller may edit, too.

    What a product owns is said by those who may write in the tenant. Errors: 400, 403, 404, 409.
    """
    tenant_lock(product.tenant)
    row = row_locked(product)
    changes = {name: value for name, value in changes.items() if getattr(row, name) != value}
    require_level(by, row.folder_id, Level.EDIT)
    before = {name: [str(getattr(row, name)), str(value)] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    if "folder_id" in changes:
        require_level(by, row.folder_id, Level.EDIT)
    _require_filters(by, row, FILTERS & changes.keys())
    _save(row)
    _log(by, "product.updated", row, before)
    return row


@transaction.atomic
def product_delete(*, by: Principal, product: Product) -> None:
    """Remove it; what it owned is the next product's that matches, or nobody's. Errors: 403, 404, 409."""
    row = row_locked(product)
    require_level(by, row.folder_id, Level.EDIT)
    _log(by, "product.deleted", row)
    try:
        row.delete()
    except ProtectedError as error:
        raise Conflict("A rule of showback names this product.") from error


@transaction.atomic
def product_give(
    *, by: Principal, product: Product, resource_ids: Sequence[UUID] = (), cost_ids: Sequence[UUID] = ()
) -> None:
    """Give a product resources, and costs by lines of them: all for the same charge, also those to come.

    They are taken from whatever product had them. Errors: 400 ids that are none; 403, 404.
    """
    resources, charges = _found(by, product, resource_ids, cost_ids)
    tenant = product.tenant
    for resource in resources:
        ProductResource.objects.update_or_create(
            tenant=tenant, resource_id=resource, defaults={"product": product}
        )
    for charge in charges:
        ProductCharge.objects.update_or_create(tenant=tenant, charge_id=charge, defaults={"product": product})
    _log(by, "product.given", product, _counts(resource_ids, cost_ids))


@transaction.atomic
def product_take(
    *, by: Principal, product: Product, resource_ids: Sequence[UUID] = (), cost_ids: Sequence[UUID] = ()
) -> None:
    """Take back what was given by hand; the filters say again whose it is. Errors: as of `product_give`."""
    resources, charges = _found(by, product, resource_ids, cost_ids)
    product.given_resources.filter(resource__in=resources).delete()
    product.given_charges.filter(charge__in=charges).delete()
    _log(by, "product.taken", product, _counts(resource_ids, cost_ids))


def _found(
    by: Principal, product: Product, resource_ids: Sequence[UUID], cost_ids: Sequence[UUID]
) -> tuple[list[UUID], list[UUID]]:
    """The resources and the charges of the lines, all of the tenant."""
    by.require(Scope.WRITE)
    require_level(by, product.folder_id, Level.EDIT)
    tenant = tenant_lock(product.tenant)
    resources = Resource.objects.for_tenant(tenant).filter(pk__in=resource_ids)
    lines = CostLine.objects.live().for_tenant(tenant).filter(pk__in=cost_ids)
    resources_found, lines_found = list(resources.values_list("pk", flat=True)), list(lines)
    for field, asked, found in (
        ("resource_ids", resource_ids, resources_found), ("cost_ids", cost_ids, lines_found),
    ):  # fmt: skip
        if len(found) < len(set(asked)):
            raise ValidationFailed.field(field, f"{len(set(asked)) - len(found)} of them are none of ours.")
    return resources_found, sorted({line.charge_id for line in lines_found})


def _require_filters(by: Principal, product: Product, named: Set[str]) -> None:
    """Whoever says what a product owns could show it to anybody in its folder."""
    if named:
        by.require(Scope.WRITE)
    read_filter(product.resource_filter, RESOURCES, "resource_filter")
    read_filter(product.cost_filter, CHARGES, "cost_filter")


def _require_turn(by: Principal, tenant: Tenant) -> None:
    """RateLimited when the caller made as many lately as they may. Those that failed do not count."""
    window = timedelta(seconds=settings.RATE_LIMIT_PRODUCT_CREATION_WINDOW)
    most = settings.RATE_LIMIT_PRODUCT_CREATION_MAX
    made = AuditEntry.objects.filter(
        tenant=tenant, actor=by.actor, action=CREATED, at__gt=timezone.now() - window
    )
    times = list(made.order_by("-at").values_list("at", flat=True)[:most])
    if by.kind == "system" or len(times) < most:
        return
    reset = times[-1] + window
    wait = max(1, -((timezone.now() - reset) // timedelta(seconds=1)))
    told = {"limit": most, "remaining": 0, "reset_time": int(reset.timestamp()) + 1}
    headers = {"Retry-After": str(wait)} | {
        f"X-RateLimit-{name}": str(value)
        for name, value in zip(("Limit", "Remaining", "Reset"), told.values(), strict=True)
    }
    raise RateLimited(
        f"You may create {most} product(s) in {settings.RATE_LIMIT_PRODUCT_CREATION_WINDOW} seconds.",
        headers=headers,
        extra={"retry_after": wait, **told},
    )


def _save(product: Product) -> None:
    row_check(product)
    try:
        with transaction.atomic():
            product.save()
    except IntegrityError as error:
        raise Conflict(f"There is a product {product.name!r} in the folder already.") from error


def _counts(resource_ids: Sequence[UUID], cost_ids: Sequence[UUID]) -> dict[str, Any]:
    told = {"resource_ids": resource_ids, "cost_ids": cost_ids}
    return {name: [None, [str(pk) for pk in ids]] for name, ids in told.items() if ids}


def _log(by: Principal, action: str, product: Product, changes: dict[str, Any] | None = None) -> None:
    payload = {"folder_id": str(product.folder_id), "name": product.name}
    deed(by=by, action=action, tenant=product.tenant, subject=product, changes=changes, payload=payload)

"""Saved views: kept, changed, removed, by anybody who may write in the tenant."""

from typing import Any

from django.db import IntegrityError, transaction

from accounts.errors import Conflict
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.rows import row_check, row_locked
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.filters import read_filter
from inventory.models import SavedView
from inventory.queries.dimensions import read_dimensions
from inventory.queries.owners import cost_properties, resource_properties

MOST = 500  # of a tenant


@transaction.atomic
def saved_view_create(*, by: Principal, tenant: Tenant, **fields: Any) -> SavedView:
    """Keep a question. Errors: 400 a filter or group_by that is none, 409 the name is taken or too many."""
    tenant = tenant_lock(tenant)
    if SavedView.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} saved views.")
    view = SavedView(tenant=tenant, actor=by.actor, **fields)
    _save(view)
    deed(by=by, action="saved_view.created", tenant=tenant, subject=view, payload={"name": view.name})
    return view


@transaction.atomic
def saved_view_update(*, by: Principal, view: SavedView, changes: dict[str, Any]) -> SavedView:
    """Change its name, filter or group_by. Errors: as of `saved_view_create`, and 404."""
    row = row_locked(view)
    told = {name: [getattr(row, name), value] for name, value in changes.items()}
    for name, value in changes.items():
        setattr(row, name, value)
    _save(row)
    payload = {"name": row.name}
    deed(by=by, action="saved_view.updated", tenant=row.tenant, subject=row, changes=told, payload=payload)
    return row


@transaction.atomic
def saved_view_delete(*, by: Principal, view: SavedView) -> None:
    """Errors: 404."""
    row = row_locked(view)
    deed(by=by, action="saved_view.deleted", tenant=row.tenant, subject=row, payload={"name": row.name})
    row.delete()


def _save(view: SavedView) -> None:
    of_kind = resource_properties if view.kind == SavedView.Kind.RESOURCES else cost_properties
    read_filter(view.filter, of_kind(view.tenant))
    read_dimensions([view.group_by])
    row_check(view)
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as error:
        raise Conflict(f"There is a view {view.name!r} of {view.kind} already.") from error

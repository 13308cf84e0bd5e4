"""Mapping profiles: how a tenant's own kinds of files are read."""

from typing import Any, Final

from django.db import IntegrityError, transaction

from accounts.errors import Conflict, ValidationFailed
from accounts.models import Tenant
from accounts.principals import Principal
from accounts.rows import row_locked
from accounts.services.logs import deed
from accounts.services.tenants import tenant_lock
from inventory.layouts import PLAIN, SHIPPED, Layout, columns_of, focus_layout, layout_document, layout_of
from inventory.models import Import, MappingProfile

MOST: Final = 100  # of a tenant: a header is held against all of them
SHIPPED_NAMES = frozenset({"plain", "focus", *(layout.name for layout in SHIPPED)})


@transaction.atomic
def profile_create(
    *, by: Principal, tenant: Tenant, name: str, kind: str, columns: dict[str, list[str]], **settings: Any
) -> MappingProfile:
    """A new profile; `columns` has our column → the names that files call it by.

    Errors: 400; 409 the name is taken, or there are too many.
    """
    if name in SHIPPED_NAMES or name.startswith("focus-"):
        raise Conflict(f"{name!r} is the name of a profile that everybody has.")
    layout = _layout(name, kind, columns, settings)
    tenant = tenant_lock(tenant)
    if MappingProfile.objects.for_tenant(tenant).count() >= MOST:
        raise Conflict(f"A tenant has at most {MOST} mapping profiles.")
    profile = MappingProfile(tenant=tenant, name=name, kind=kind, definition=layout_document(layout))
    try:
        with transaction.atomic():
            profile.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"There is already a profile {name!r}.") from error
    deed(by=by, action="mapping_profile.created", tenant=tenant, subject=profile, payload={"name": name})
    return profile


def profile_keep(*, by: Principal, run: Import, name: str) -> MappingProfile:
    """The way in which an import is read, for files like it. Errors: 409 the name is taken."""
    settings = {key: value for key, value in run.layout.items() if key not in {"name", "kind", "columns"}}
    columns = {ours: [theirs] for ours, theirs in run.mapping.items()}
    return profile_create(by=by, tenant=run.tenant, name=name, kind=run.kind, columns=columns, **settings)


def profile_names(tenant: Tenant, kind: str) -> list[str]:
    """What `layout_named` knows: the tenant's own, then those that everybody has."""
    own = MappingProfile.objects.for_tenant(tenant).filter(kind=kind).values_list("name", flat=True)
    shipped = [PLAIN[kind].name, *(layout.name for layout in SHIPPED if layout.kind == kind)]
    return [*own, *(["focus"] if kind == Import.Kind.COSTS else []), *shipped]


@transaction.atomic
def profile_delete(*, by: Principal, profile: MappingProfile) -> None:
    """Remove a profile; imports that were read by it stay as they are. Errors: 404."""
    row = row_locked(profile)
    deed(by=by, action="mapping_profile.deleted", tenant=row.tenant, subject=row, payload={"name": row.name})
    row.delete()


def _layout(name: str, kind: str, columns: dict[str, list[str]], settings: dict[str, Any]) -> Layout:
    known = columns_of(kind)
    for ours in columns:
        if ours not in known:
            raise ValidationFailed.field(f"columns.{ours}", f"give one of {', '.join(known)}.")
    return Layout(name, kind, columns, **settings)


def saved_layouts(tenant: Tenant) -> list[Layout]:
    return [layout_of(profile.definition) for profile in MappingProfile.objects.for_tenant(tenant)]


def layout_named(tenant: Tenant, kind: str, name: str) -> Layout:
    """The tenant's own or a shipped layout. Errors: 400."""
    saved = MappingProfile.objects.for_tenant(tenant).filter(name=name, kind=kind).first()
    if saved is not None:
        return layout_of(saved.definition)
    if name == "focus" and kind == Import.Kind.COSTS:
        return focus_layout("1.4")
    known = [PLAIN[kind], *(layout for layout in SHIPPED if layout.kind == kind)]
    for layout in known:
        if layout.name == name:
            return layout
    raise ValidationFailed.field("profile", f"there is no profile {name!r} for {kind}.")

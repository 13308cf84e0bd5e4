"""The saved view that a question names."""

from uuid import UUID

from accounts.errors import ValidationFailed
from accounts.models import Tenant
from inventory.models import SavedView


def saved_view(tenant: Tenant, kind: str, named: str) -> SavedView:
    """A view by its id or name; ValidationFailed when the tenant has none of this kind."""
    views = SavedView.objects.for_tenant(tenant).filter(kind=kind)
    try:
        found: SavedView | None = views.filter(pk=UUID(named)).first()
    except ValueError:
        found = views.filter(name=named).first()
    if found is None:
        raise ValidationFailed.field("view", f"there is no saved view {named!r} of {kind}.")
    return found

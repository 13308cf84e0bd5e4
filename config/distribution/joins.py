"""Foreign keys among tenants' tables, joined on the tenant as well: Citus joins what one server holds."""

from typing import Any

from django.db.models import ForeignKey, Model
from django.db.models.expressions import Col
from django.db.models.lookups import Exact

from config.distribution.places import Place, models, place_of


class KeyWithinTenant(ForeignKey[Any, Any]):
    """A foreign key that never leaves the tenant, in joins and when what it names is looked up."""

    def get_extra_restriction(self, alias: Any, related_alias: Any) -> Any:
        tenant: Any = self.model._meta.get_field("tenant")
        return Exact(Col(alias, tenant), Col(related_alias, tenant))

    def get_extra_descriptor_filter(self, instance: Model) -> dict[str, Any]:
        return {"tenant": instance.tenant_id}  # type: ignore[attr-defined]

    def deconstruct(self) -> Any:
        """Migrations know nothing of it."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs


def join_within_tenants() -> None:
    """From now on, in this process; the declarations stay what they are everywhere else."""
    for model in models():
        if place_of(model) is Place.DISTRIBUTED:
            for field in model._meta.local_fields:
                if type(field) is ForeignKey and place_of(field.related_model) is Place.DISTRIBUTED:
                    field.__class__ = KeyWithinTenant

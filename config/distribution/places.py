"""Where the table of each model lives once tenants are spread over several servers."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from django.apps import apps
from django.db.models import Model, UniqueConstraint

TENANT: Final = "accounts.Tenant"


class Place(StrEnum):
    DISTRIBUTED = "distributed"  # cut up by tenant: all of a tenant's rows are on one server
    REFERENCE = "reference"  # whole on every server
    LOCAL = "local"  # on the coordinator alone


# Models whose rows do not all belong to a tenant, and why they live where they do.
SHARED: Final[dict[str, tuple[Place, str]]] = {
    "accounts.Tenant": (Place.REFERENCE, "all of a tenant's rows point at it"),
    "accounts.User": (
        Place.REFERENCE,
        "people belong to several tenants, whose keys and memberships point at them",
    ),
    "builds.Platform": (Place.REFERENCE, "a catalogue: rows shared by all beside a tenant's own"),
    "builds.OsVersion": (Place.REFERENCE, "a catalogue: rows shared by all beside a tenant's own"),
    "builds.ImageType": (Place.REFERENCE, "a catalogue: rows shared by all beside a tenant's own"),
    "builds.StateTemplate": (Place.REFERENCE, "a catalogue: rows shared by all beside a tenant's own"),
    "builds.StateCode": (Place.REFERENCE, "the milestones of the templates"),
    "gcore.GcoreAccount": (Place.REFERENCE, "the platform's; tenants' reports and mappings point at it"),
    "accounts.AuditEntry": (Place.LOCAL, "deeds of the platform have no tenant"),
    "accounts.Delivery": (
        Place.LOCAL,
        "mail of the platform has no tenant; the sender takes whose message is next",
    ),
    "accounts.IdempotentCall": (
        Place.LOCAL,
        "calls of the platform have no tenant; found by a hash that holds it",
    ),
    "usage.DeadLetter": (Place.LOCAL, "an event that was refused may name no tenant"),
    "accounts.SecondFactor": (Place.LOCAL, "of a person"),
    "accounts.RefreshToken": (Place.LOCAL, "of a person"),
    "accounts.FederatedIdentity": (Place.LOCAL, "of a person"),
    "accounts.User_groups": (Place.LOCAL, "of a person"),
    "accounts.User_user_permissions": (Place.LOCAL, "of a person"),
    "admin.LogEntry": (Place.LOCAL, "of a person"),
    "auth.Group": (Place.LOCAL, "Django's own"),
    "auth.Group_permissions": (Place.LOCAL, "Django's own"),
    "auth.Permission": (Place.LOCAL, "Django's own"),
    "contenttypes.ContentType": (Place.LOCAL, "Django's own"),
    "sessions.Session": (Place.LOCAL, "of a person"),
}


class Unplaced(Exception):
    """A model has neither a tenant for each of its rows nor an entry in SHARED."""


def models() -> list[type[Model]]:
    """All that have a table, those of many-to-many fields included."""
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def place_of(model: type[Model]) -> Place:
    """Errors: Unplaced."""
    label = model._meta.label
    if label in SHARED:
        return SHARED[label][0]
    if not is_of_one_tenant(model):
        raise Unplaced(
            f"{label} has rows without a tenant: say in config/distribution/places.py where they live."
        )
    return Place.DISTRIBUTED


def reason_of(model: type[Model]) -> str:
    shared = SHARED.get(model._meta.label)
    return shared[1] if shared else "each row belongs to one tenant"


def is_of_one_tenant(model: type[Model]) -> bool:
    field = next((field for field in model._meta.local_fields if field.name == "tenant"), None)
    return field is not None and _target(field) == TENANT and not field.null


def faults_of(model: type[Model]) -> Iterator[str]:
    """What keeps the model's table from its place, one sentence each."""
    try:
        place = place_of(model)
    except Unplaced as error:
        yield str(error)
        return
    if place is Place.DISTRIBUTED:
        yield from _keys_without_tenant(model)
    if model._meta.label in SHARED and is_of_one_tenant(model):
        yield f"{model._meta.label} has a tenant in each row, and so no place in SHARED."
    for field in model._meta.local_fields:
        target: Any = field.related_model
        if field.is_relation and not _may_point(place, place_of(target)):
            there = target._meta.label
            yield f"{model._meta.label}.{field.name}: a {place} table cannot point at {there}."


def _keys_without_tenant(model: type[Model]) -> Iterator[str]:
    label = model._meta.label
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key and field.name != "tenant":
            yield f"{label}.{field.name} is unique without the tenant."
    for names in model._meta.unique_together:
        if "tenant" not in names:
            yield f"{label}: {', '.join(names)} are unique together without the tenant."
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint) and "tenant" not in constraint.fields:
            yield f"{label}: {constraint.name} is unique without the tenant."


def _may_point(here: Place, there: Place) -> bool:
    """From the coordinator anything may be named; what is elsewhere is then held together by Django alone."""
    return here is Place.LOCAL or there is Place.REFERENCE or here is there is Place.DISTRIBUTED


def _target(field: Any) -> str:
    return field.related_model._meta.label if field.is_relation else ""

"""Rows before they are written."""

from collections.abc import Collection
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model

from accounts.errors import NotFound, ValidationFailed
from accounts.models import TenantOwned

R = TypeVar("R", bound=TenantOwned)


def row_check(row: Model, exclude: Collection[str] = ()) -> None:
    """Hold a row against the rules of its fields; what must be unique, the database knows.

    Errors: ValidationFailed, naming a field.
    """
    try:
        row.full_clean(exclude, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise ValidationFailed.field(field, messages[0]) from error


def row_locked(row: R) -> R:
    """The row as it is by now, held until the transaction ends. Errors: NotFound, it went meanwhile."""
    rows = type(row).objects.for_tenant(row.tenant).select_for_update(of=("self",)).select_related("tenant")
    found: R | None = rows.filter(pk=row.pk).first()
    if found is None:
        raise NotFound(f"There is no such {row._meta.verbose_name}.")
    return found

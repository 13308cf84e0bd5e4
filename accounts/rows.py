"""Rows before they are written."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db.models import Model

from accounts.errors import ValidationFailed


def row_check(row: Model, exclude: Collection[str] = ()) -> None:
    """Hold a row against the rules of its fields; what must be unique, the database knows.

    Errors: ValidationFailed, naming a field.
    """
    try:
        row.full_clean(exclude, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise ValidationFailed.field(field, messages[0]) from error

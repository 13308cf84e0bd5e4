"""One row written by a statement that is made once: the ORM is slower at making one than a database at it.

For what every deed writes. Signals are not sent, and rows of parents are not written.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection, models

Columns = tuple[str, tuple[Any, ...]]


def row_insert(row: models.Model) -> None:
    """Insert a row whose key is known already."""
    statement, fields = _insert(type(row))
    with connection.cursor() as cursor:
        cursor.execute(statement, _values(row, fields, is_new=True))
    row._state.adding, row._state.db = False, connection.alias


def row_update(row: models.Model, names: Sequence[str]) -> None:
    """Write these fields of a row that is there."""
    statement, fields = _update(type(row), tuple(names))
    with connection.cursor() as cursor:
        cursor.execute(statement, _values(row, fields, is_new=False))


def prepared(model: type[models.Model], **values: Any) -> list[Any]:
    """Values as the columns of these fields take them."""
    fields: list[Any] = [model._meta.get_field(name) for name in values]
    return [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values.values(), strict=True)
    ]


def _values(row: models.Model, fields: Sequence[Any], *, is_new: bool) -> list[Any]:
    return [field.get_db_prep_save(field.pre_save(row, is_new), connection) for field in fields]


@cache
def _insert(model: type[models.Model]) -> Columns:
    fields = tuple(model._meta.concrete_fields)
    names, places = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})', fields  # noqa: S608


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> Columns:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    changes = ", ".join(f'"{field.column}" = %s' for field in fields)
    key: Any = model._meta.pk
    statement = f'UPDATE "{model._meta.db_table}" SET {changes} WHERE "{key.column}" = %s'  # noqa: S608
    return statement, (*fields, key)

"""Statements that are made once, and sent together: the ORM is slower at making one than a database at it.

For what every deed writes. Signals are not sent, and rows of parents are not written.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, models

from accounts.models import TenantOwned
from accounts.roundtrip import RoundTrip, Sending

M = TypeVar("M", bound=models.Model)
Statement = tuple[str, Sequence[Any]]
Converter = tuple[int, Any, Any]
_NOT_GIVEN: Final = object()


def sent(*statements: Statement, are_last: bool = False) -> list[Any]:
    """The cursor of each, with the rows that it returned: PostgreSQL is told all in one round trip.

    It keeps their plans too, where connections are our own. When they `are_last` of a transaction, it commits
    in that round trip: a row that others wait for is held no longer than the database itself takes, however
    busy this process is. Errors: DatabaseError of the first that fails.
    """
    connection = _connection()
    if connection.vendor != "postgresql":
        return [_executed(connection.cursor(), statement) for statement in statements]
    connection.ensure_connection()
    prepares = not settings.DATABASE_TRANSACTION_POOLING
    with connection.wrap_database_errors, RoundTrip(connection.connection, prepares=prepares) as trip:
        cursors = [
            _executed(connection._prepare_cursor(Sending(trip)), statement) for statement in statements
        ]
        if are_last and _is_outermost(connection):
            trip.commit()
    return cursors


def insertion(model: type[models.Model], **values: Any) -> Statement:
    """A new row of what is given for its fields, as keys for foreign ones, and of the others' defaults."""
    statement, fields = _insert(model)
    connection = _connection()
    return statement, [
        field.get_db_prep_save(
            field.get_default() if (value := values.get(field.name, _NOT_GIVEN)) is _NOT_GIVEN else value,
            connection,
        )
        for field in fields
    ]


def change(row: models.Model, names: tuple[str, ...]) -> Statement:
    """These fields of a row that is there, as it has them now."""
    statement, fields = _update(type(row), names)
    connection = _connection()
    return statement, [field.get_db_prep_save(field.pre_save(row, False), connection) for field in fields]


def prepared(model: type[models.Model], **values: Any) -> list[Any]:
    """Values as the columns of these fields take them."""
    connection, field_of = _connection(), model._meta.get_field
    fields: list[Any] = [field_of(name) for name in values]
    return [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values.values(), strict=True)
    ]


@cache
def columns(model: type[models.Model], table: str) -> str:
    """What to select of a table for `row_of`."""
    return ", ".join(f'{table}."{field.column}"' for field in model._meta.concrete_fields)


def row_of(model: type[M], values: Sequence[Any]) -> M:
    """The row whose `columns` were read."""
    names, converters = _reading(model)
    read, connection = list(values), _connection()
    for place, column, convert in converters:
        read[place] = convert(read[place], column, connection)
    return model.from_db(DEFAULT_DB_ALIAS, names, read)


def _connection() -> Any:
    """The real one: through the proxy each of its attributes is looked up for this thread again."""
    return connections[DEFAULT_DB_ALIAS]


def _is_outermost(connection: Any) -> bool:
    """Is the block that ends next the whole transaction, and not a part of somebody else's?

    When that block then commits, nothing is left to be done but its hooks.
    """
    blocks = connection.atomic_blocks
    return len(blocks) == 1 and connection.commit_on_exit and not connection.needs_rollback


def _executed(cursor: Any, statement: Statement) -> Any:
    cursor.execute(*statement)
    return cursor


@cache
def _insert(model: type[models.Model]) -> tuple[str, tuple[Any, ...]]:
    fields = tuple(model._meta.concrete_fields)
    names, places = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})', fields  # noqa: S608


@cache
def _update(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    changes = ", ".join(f'"{field.column}" = %s' for field in fields)
    keys: list[Any] = [model._meta.pk]
    if issubclass(model, TenantOwned):  # by which a table may be spread over servers
        keys.append(model._meta.get_field("tenant"))
    place = " AND ".join(f'"{key.column}" = %s' for key in keys)
    statement = f'UPDATE "{model._meta.db_table}" SET {changes} WHERE {place}'  # noqa: S608
    return statement, (*fields, *keys)


@cache
def _reading(model: type[models.Model]) -> tuple[list[str], list[Converter]]:
    """Names in the order of the columns, and what makes Python's values of the database's."""
    connection, names, converters = _connection(), [], []
    for place, field in enumerate(model._meta.concrete_fields):
        column: Any = field.get_col(model._meta.db_table)
        names.append(field.attname)
        converters += [
            (place, column, convert)
            for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
        ]
    return names, converters

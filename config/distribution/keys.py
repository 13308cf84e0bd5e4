"""The keys of each table: as its place wants them, and as they are in the database."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from django.db.models import Model

from config.distribution.places import Place, place_of

TENANT_COLUMN: Final = "tenant_id"
PRESENT: Final = """
SELECT c.conname, t.relname, coalesce(target.relname, ''),
    (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY AS k(number, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number),
    (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.confkey) WITH ORDINALITY AS k(number, n)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number)
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
LEFT JOIN pg_class target ON target.oid = c.confrelid
WHERE c.contype IN ('p', 'f') AND t.relnamespace = current_schema()::regnamespace
"""


class Key(NamedTuple):
    """A primary key, or a foreign one when it has a `target`."""

    table: str
    columns: tuple[str, ...]
    target: str = ""
    target_columns: tuple[str, ...] = ()


def wanted(model: type[Model]) -> list[Key]:
    """The primary key first: it begins with the id, so that a row is found by its id alone, too."""
    table, key = model._meta.db_table, _column(model._meta.pk)
    place = place_of(model)
    primary = (key, TENANT_COLUMN) if place is Place.DISTRIBUTED else (key,)
    foreign = [_foreign(table, field, place) for field in model._meta.local_fields if _has_constraint(field)]
    return [Key(table, primary), *(found for found in foreign if found is not None)]


def _foreign(table: str, field: Any, place: Place) -> Key | None:
    (target_field,) = field.foreign_related_fields
    target, there = target_field.model._meta.db_table, place_of(target_field.model)
    if there is not Place.DISTRIBUTED:
        return Key(table, (field.column,), target, (target_field.column,))
    if place is not Place.DISTRIBUTED:
        return None
    return Key(table, (field.column, TENANT_COLUMN), target, (target_field.column, TENANT_COLUMN))


def present(cursor: Any, tables: Iterable[str]) -> dict[Key, str]:
    """Each key of these tables, and its name."""
    cursor.execute(PRESENT)
    rows = cursor.fetchall()
    ours = set(tables)
    return {
        Key(table, tuple(columns), target, tuple(target_columns or ())): name
        for name, table, target, columns, target_columns in rows
        if table in ours
    }


def _column(field: Any) -> str:
    return str(field.column)


def _has_constraint(field: Any) -> bool:
    return bool(field.is_relation and field.db_constraint)

"""Many rows written at once, whether they are new or not."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, models

from accounts.wire import encode

Row = dict[str, Any]
STATEMENT: Final = """
INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)
ON CONFLICT ({unique}) DO UPDATE SET {changes}
"""


def rows_put(
    model: type[models.Model], rows: Sequence[Row], *, unique: Sequence[str], also: Sequence[str]
) -> None:
    """Insert rows, each with values for the same columns, all that have no default in the database.

    Of a row whose `unique` columns are there already, set the columns of `also`. PostgreSQL gets all rows as
    one document: the ORM takes ten times as long to make a statement of them.
    """
    if not rows:
        return
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(
            [model(**row) for row in rows],
            update_conflicts=True,
            unique_fields=unique,
            update_fields=also,
        )
        return
    statement = STATEMENT.format(
        table=model._meta.db_table,
        columns=", ".join(rows[0]),
        unique=", ".join(unique),
        changes=", ".join(f"{name} = EXCLUDED.{name}" for name in also),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [encode(rows).decode()])

"""Migrations' operations that let others read and write a table that holds data.

For migrations with `atomic = False`. On SQLite, whose one writer waits anyway, they are Django's own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db.migrations import AddConstraint, AddIndex
from django.db.models import CheckConstraint, UniqueConstraint


def _is_postgresql(editor: Any) -> bool:
    return bool(editor.connection.vendor == "postgresql")


@contextmanager
def _patience(editor: Any) -> Iterator[None]:
    """Whoever builds an index beside others waits for older transactions, and holds nobody up meanwhile."""
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout')")
        (before,) = cursor.fetchone()
        cursor.execute("SET lock_timeout = 0")
        yield
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])


class AddIndexUnlocked(AddIndexConcurrently):
    """CREATE INDEX CONCURRENTLY. Ended half-way it leaves an invalid index: drop that, then run it again."""

    def database_forwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if not _is_postgresql(editor):
            AddIndex.database_forwards(self, app_label, editor, before, after)
            return
        with _patience(editor):
            super().database_forwards(app_label, editor, before, after)

    def database_backwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if not _is_postgresql(editor):
            AddIndex.database_backwards(self, app_label, editor, before, after)
            return
        with _patience(editor):
            super().database_backwards(app_label, editor, before, after)


class AddConstraintUnlocked(AddConstraint):
    """A check holds for new rows first, for the others once they were read; a unique one takes an index."""

    def database_forwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if not _is_postgresql(editor):
            super().database_forwards(app_label, editor, before, after)
        elif isinstance(self.constraint, CheckConstraint):
            for step in (
                AddConstraintNotValid(self.model_name, self.constraint),
                ValidateConstraint(self.model_name, self.constraint.name),
            ):
                step.database_forwards(app_label, editor, before, after)
        elif isinstance(self.constraint, UniqueConstraint):
            _add_unique(editor, after.apps.get_model(app_label, self.model_name), self.constraint)
        else:
            raise NotImplementedError("Only checks and unique constraints are added without a lock.")


def _add_unique(editor: Any, model: Any, constraint: Any) -> None:
    table, name = editor.quote_name(model._meta.db_table), editor.quote_name(constraint.name)
    plain = not (constraint.condition or constraint.expressions or constraint.include)
    if plain:
        columns = ", ".join(editor.quote_name(model._meta.get_field(f).column) for f in constraint.fields)
        index = f"CREATE UNIQUE INDEX {name} ON {table} ({columns})"
    else:
        index = str(constraint.create_sql(model, editor))
    with _patience(editor):
        editor.execute(index.replace("UNIQUE INDEX", "UNIQUE INDEX CONCURRENTLY", 1), params=None)
    if plain:
        editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}", params=None)

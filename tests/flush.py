"""A quicker end of tests that commit.

Django empties all tables after each and then makes content types and permissions anew, which no test
changes: that is most of what such a test costs. Here those two tables are left alone, and so are the
tables that are empty already. The shared catalogue, which a migration writes, is written again.
"""

from importlib import import_module
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

KEPT: Final = frozenset({"django_content_type", "auth_permission", "django_migrations"})
CATALOGUE: Final = frozenset(
    {"builds_platform", "builds_osversion", "builds_imagetype", "builds_statetemplate", "builds_statecode"}
)


def quicken() -> None:
    flush: Any = import_module("django.core.management.commands.flush")
    flush.sql_flush = _empty
    flush.emit_post_migrate_signal = _restore


def _empty(_style: Any, connection: BaseDatabaseWrapper, **_: Any) -> list[str]:
    """Statements that empty every table that holds something; the catalogue alone counts as nothing.

    By rows, which are few: to truncate, PostgreSQL makes new files for each table that refers to one of them.
    """
    with connection.cursor() as cursor:
        tables = sorted(set(connection.introspection.table_names(cursor)) - KEPT - CATALOGUE)
        question = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables
        )
        cursor.execute(question)
        full = [name for (name,) in cursor.fetchall()]
    if not full:
        return []
    full += sorted(CATALOGUE)  # it may name a tenant
    return [f"DELETE FROM {name}" for name in full]


def _restore(*_: Any, **__: Any) -> None:
    with transaction.atomic():
        import_module("builds.migrations.0002_reference").load(apps)

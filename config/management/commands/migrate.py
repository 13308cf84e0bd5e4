"""Django's `migrate`, which gives up rather than make everybody wait behind it."""

from contextlib import nullcontext
from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from accounts.planner import planner_inform
from accounts.tenant_role import RoleRefused, tenant_role_ensure
from config.distribution import plan
from config.startup import wait_for_database

LOCK_SECONDS: Final = 5
DIRECTLY: Final = (
    "Migrations need a session of their own, which a pooler of transactions has not: name PostgreSQL itself "
    "in DATABASE_URL, and set DATABASE_TRANSACTION_POOLING=false."
)


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        """The checks before it ask the database too."""
        wait_for_database()
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """On PostgreSQL a change that waits for a table makes all who come later wait for the change."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        if settings.DATABASE_TRANSACTION_POOLING:
            raise CommandError(DIRECTLY)
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            changed = plan.holds_tenants(cursor)
        try:
            with plan.foreign_keys_later(connection) if changed else nullcontext():
                super().handle(*args, **options)
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise CommandError(
                    f"A table was in use for {LOCK_SECONDS} seconds. The migration named last is undone, "
                    "those before it are done; run `migrate` again."
                ) from error
            raise
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")
            if changed and plan.plan(cursor, keys_only=not plan.has_citus(cursor)):
                self.stdout.write("Run `manage.py distribute` once more: there are tables or keys to change.")
        if settings.DATABASE_ROW_SECURITY:
            _ensure_role(connection)
            planner_inform(connection)


def _ensure_role(connection: Any) -> None:
    try:
        tenant_role_ensure(connection)
    except RoleRefused as error:
        raise CommandError(str(error)) from error

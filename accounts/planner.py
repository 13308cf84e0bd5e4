"""What PostgreSQL's planner has to know and would not, or not soon enough, find out by itself."""

from typing import Any, Final

from django.conf import settings
from django.db import connection, models, transaction

from accounts.policies import NOBODYS
from accounts.row_security import as_platform

# Rows that are everybody's are few, and autovacuum passes tables of under fifty over. Without statistics
# PostgreSQL takes a policy that shows all of them for one that shows one, and joins them badly.
UNKNOWN: Final = """
SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid
WHERE relnamespace = current_schema()::regnamespace AND polname = %s AND polcmd = 'r'
    AND NOT EXISTS (SELECT FROM pg_stats WHERE schemaname = current_schema() AND tablename = relname)
"""
# Below a policy an index serves only functions that are known to tell nothing of the rows they are shown. The
# one that finds resources by tag is such a function, but only a superuser may say so.
CONTAINS: Final = "pg_catalog.jsonb_contains(jsonb, jsonb)"
UNTOLD: Final = f"""
SELECT rolsuper AND NOT proleakproof FROM pg_roles, pg_proc
WHERE rolname = current_user AND pg_proc.oid = '{CONTAINS}'::regprocedure
"""  # noqa: S608  (a name of our own)
MANY: Final = 1000  # rows of an import; what fewer change can wait for autovacuum


def planner_inform(to: Any) -> None:
    """So that row-level security costs little: statistics of the tables with everybody's rows, and tags found
    by their index. `migrate` tells both once.
    """
    with transaction.atomic(to.alias), to.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('planner_inform'))")  # several may migrate
        cursor.execute(UNKNOWN, [NOBODYS])
        for (name,) in cursor.fetchall():
            cursor.execute(f"ANALYZE {to.ops.quote_name(name)}")
        cursor.execute(UNTOLD)
        if cursor.fetchone() == (True,):
            cursor.execute(f"ALTER FUNCTION {CONTAINS} LEAKPROOF")


def tables_grew(rows: int, *grown: type[models.Model]) -> None:
    """Have statistics of the tables of which these many rows of an import may be a tenth; after its commit.

    Autovacuum would have them about a minute later. Until then a new tenant's first bill is joined as if it
    had a line, which took 16 seconds where it takes a fifth of one. Citus counts at its servers.
    """
    if connection.vendor != "postgresql" or settings.DATABASE_DISTRIBUTED or rows < MANY:
        return
    with as_platform(), connection.cursor() as cursor:  # as who owns them
        for model in grown:
            cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
            if rows > cursor.fetchone()[0] / 10:
                cursor.execute(f"ANALYZE (SKIP_LOCKED) {connection.ops.quote_name(model._meta.db_table)}")

"""What PostgreSQL's planner has to know so that row-level security costs little; told by `migrate`."""

from typing import Any, Final

from django.db import transaction

from accounts.policies import NOBODYS

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


def planner_inform(connection: Any) -> None:
    """Have statistics of the tables with everybody's rows, and tags found by their index: both once."""
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('planner_inform'))")  # several may migrate
        cursor.execute(UNKNOWN, [NOBODYS])
        for (name,) in cursor.fetchall():
            cursor.execute(f"ANALYZE {connection.ops.quote_name(name)}")
        cursor.execute(UNTOLD)
        if cursor.fetchone() == (True,):
            cursor.execute(f"ALTER FUNCTION {CONTAINS} LEAKPROOF")

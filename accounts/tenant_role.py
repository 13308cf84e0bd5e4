"""The role in PostgreSQL that does what is done for one tenant: made, and let at the tables, by `migrate`."""

from typing import Any, Final

from django.db import DatabaseError, transaction

from accounts.models import AuditEntry
from accounts.row_security import ROLE

APPEND_ONLY: Final = frozenset({AuditEntry._meta.db_table})
BY_HAND: Final = f"""This login may not make the role {ROLE}, or not be it: {{error}}
Have an administrator of PostgreSQL run, once:
  CREATE ROLE {ROLE} NOLOGIN;
  GRANT {ROLE} TO "{{login}}";
and run `migrate` again; or set DATABASE_ROW_SECURITY=false."""
# Two installations may share a server, and several processes migrate at once.
CREATE: Final = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN CREATE ROLE {ROLE} NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
UNGRANTED: Final = f"""
SELECT relname, relkind = 'S' FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND CASE relkind
    WHEN 'S' THEN NOT has_sequence_privilege('{ROLE}', oid, 'USAGE')
    WHEN 'r' THEN NOT has_table_privilege('{ROLE}', oid, 'INSERT')
    WHEN 'p' THEN NOT has_table_privilege('{ROLE}', oid, 'INSERT') END
"""  # noqa: S608  (a name of our own)


class RoleRefused(Exception):
    """What to tell the operator."""


def tenant_role_ensure(connection: Any) -> None:
    """Make the role if it is missing, and let it at every table. Errors: RoleRefused."""
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, pg_advisory_xact_lock(hashtext(%s))", [ROLE])
        (login, _) = cursor.fetchone()
        try:
            cursor.execute(CREATE)
            _become(connection, cursor)
        except DatabaseError as error:
            raise RoleRefused(BY_HAND.format(error=str(error).strip(), login=login)) from error
        cursor.execute(UNGRANTED)
        for name, is_sequence in cursor.fetchall():
            cursor.execute(_grant(connection.ops.quote_name(name), name in APPEND_ONLY, is_sequence))


def _become(connection: Any, cursor: Any) -> None:
    """Be it for a moment; who made it may have to let itself do so first."""
    try:
        with transaction.atomic(connection.alias):
            cursor.execute(f"SET LOCAL ROLE {ROLE}")
    except DatabaseError:
        cursor.execute(f"GRANT {ROLE} TO CURRENT_USER")
        with transaction.atomic(connection.alias):
            cursor.execute(f"SET LOCAL ROLE {ROLE}")
    cursor.execute("RESET ROLE")


def _grant(table: str, append_only: bool, is_sequence: bool) -> str:
    if is_sequence:
        return f"GRANT USAGE ON SEQUENCE {table} TO {ROLE}"
    return f"GRANT SELECT, INSERT{'' if append_only else ', UPDATE, DELETE'} ON {table} TO {ROLE}"

"""What is still to be done to a database, from what its models want and what is there.

Every step is a statement of its own, and what is done is not planned again: whoever was stopped half-way
goes on where it was.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from django.db.backends.utils import names_digest

from accounts.policies import shown_to_all
from config.distribution.keys import TENANT_COLUMN, Key, present, wanted
from config.distribution.places import Place, faults_of, models, place_of, reason_of

LONGEST_NAME: Final = 63
CITUS_TABLES: Final = "SELECT table_name::text, citus_table_type FROM citus_tables"
SERVERS: Final = "SELECT count(*) FROM pg_dist_node WHERE noderole = 'primary' AND shouldhaveshards"
SECURED: Final = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
    AND (relrowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid))
"""
# Citus tells its workers, whose sessions take no options from ours (config/settings/databases.py).
UNCOMPILED: Final = """
SELECT 'pg_db_role_setting', format('ALTER ROLE CURRENT_USER IN DATABASE %I SET jit = off', datname)
FROM pg_database JOIN pg_roles ON rolname = current_user
WHERE datname = current_database() AND NOT EXISTS (
    SELECT FROM pg_db_role_setting WHERE setrole = pg_roles.oid
        AND setdatabase IN (0, pg_database.oid) AND 'jit=off' = ANY(setconfig)
)
"""


class NotDistributable(Exception):
    """The models, or the database, do not allow it; the message says what to do."""


class Step(NamedTuple):
    table: str
    sql: str


class Seat(NamedTuple):
    """Where a table belongs, and where it is: `elsewhere` while it is an ordinary table."""

    model: str
    table: str
    place: Place
    reason: str
    there: bool


def plan(cursor: Any, *, keys_only: bool) -> list[Step]:
    """In the order in which they are possible: foreign keys are off while their tables move.

    Errors: NotDistributable.
    """
    faults = [fault for model in models() for fault in faults_of(model)]
    if faults:
        raise NotDistributable("\n".join(faults))
    tables = [model._meta.db_table for model in models()]
    there = present(cursor, tables)
    goal = {key for model in models() for key in wanted(model)}
    surplus = {key: name for key, name in there.items() if key not in goal}
    missing = sorted(goal - there.keys())
    steps = [*_foreign_dropped(surplus), *_primary_changed(surplus, missing)]
    if not keys_only:
        steps += [*_policies_dropped(cursor, tables), *_role_told(cursor), *_moves(cursor)]
    return [*steps, *_foreign_added(missing)]


def seats(cursor: Any, *, has_citus: bool) -> list[Seat]:
    """Every table with its place, in the order of the models."""
    there = _citus_tables(cursor) if has_citus else {}
    return [
        Seat(
            model._meta.label,
            model._meta.db_table,
            place := place_of(model),
            reason_of(model),
            place is Place.LOCAL or there.get(model._meta.db_table) == place,
        )
        for model in models()
    ]


def has_citus(cursor: Any) -> bool:
    cursor.execute("SELECT count(*) FROM pg_extension WHERE extname = 'citus'")
    return bool(cursor.fetchone()[0])


def holds_tenants(cursor: Any) -> bool:
    """Whether tenants' primary keys were changed already."""
    first = _first_of_tenants()
    return any(TENANT_COLUMN in key.columns and not key.target for key in present(cursor, [first]))


@contextmanager
def foreign_keys_later(connection: Any) -> Iterator[None]:
    """Migrations of a database whose keys were changed: Django's foreign keys name one column, which is
    unique no more. They are left out, for `plan` to find missing."""
    features = connection.features
    features.supports_foreign_keys = False
    try:
        yield
    finally:
        del features.supports_foreign_keys


def require_servers(cursor: Any) -> None:
    """Errors: NotDistributable where there is no Citus, or no server that takes tenants."""
    if not has_citus(cursor):
        raise NotDistributable(
            "This database has no extension `citus`: create it here and on each worker (docs/scale.md), or "
            "say --keys-only to prepare the keys, which any PostgreSQL takes."
        )
    cursor.execute(SERVERS)
    if not cursor.fetchone()[0]:
        raise NotDistributable(
            "No server of this cluster takes tenants: name the coordinator with citus_set_coordinator_host "
            "and each worker with citus_add_node (docs/scale.md)."
        )


def _foreign_dropped(surplus: dict[Key, str]) -> Iterator[Step]:
    for key, name in sorted(surplus.items()):
        if key.target:
            yield Step(key.table, f'ALTER TABLE "{key.table}" DROP CONSTRAINT "{name}"')


def _primary_changed(surplus: dict[Key, str], missing: list[Key]) -> Iterator[Step]:
    old = {key.table: name for key, name in surplus.items() if not key.target}
    for key in missing:
        if not key.target:
            name = old.get(key.table, f"{key.table}_pkey")
            drop = f'DROP CONSTRAINT "{name}", ' if key.table in old else ""
            add = f'ADD CONSTRAINT "{name}" PRIMARY KEY ({_list(key.columns)})'
            yield Step(key.table, f'ALTER TABLE "{key.table}" {drop}{add}')


def _foreign_added(missing: list[Key]) -> Iterator[Step]:
    for key in missing:
        if key.target:
            yield Step(
                key.table,
                f'ALTER TABLE "{key.table}" ADD CONSTRAINT "{_name(key)}" FOREIGN KEY ({_list(key.columns)})'
                f' REFERENCES "{key.target}" ({_list(key.target_columns)}) DEFERRABLE INITIALLY DEFERRED',
            )


def _policies_dropped(cursor: Any, tables: Iterable[str]) -> Iterator[Step]:
    """Citus takes none that ask for the tenant in a subquery, nor one on a table of the coordinator that
    points at another; and its servers would not be told who asks."""
    cursor.execute(SECURED)
    secured = {name for (name,) in cursor.fetchall()}
    for table in tables:
        if table in secured:
            yield Step(table, "; ".join(shown_to_all(f'"{table}"')))


def _role_told(cursor: Any) -> Iterator[Step]:
    """To compile no sums: those of a day's events would take half a minute instead of some milliseconds."""
    cursor.execute(UNCOMPILED)
    yield from (Step(*row) for row in cursor.fetchall())


def _moves(cursor: Any) -> Iterator[Step]:
    """Reference tables first, as the others point at them; then tenants' tables, beside the first of them."""
    waiting = [seat for seat in seats(cursor, has_citus=True) if not seat.there]
    for seat in waiting:
        if seat.place is Place.REFERENCE:
            yield Step(seat.table, f"SELECT create_reference_table('{seat.table}')")
    first = _first_of_tenants()
    for seat in waiting:
        if seat.place is Place.DISTRIBUTED:
            beside = "none" if seat.table == first else first
            move = f"create_distributed_table('{seat.table}', '{TENANT_COLUMN}', colocate_with => '{beside}')"
            clear = f"truncate_local_data_after_distributing_table('{seat.table}')"
            yield Step(seat.table, f"SELECT {move}; SELECT {clear}")  # sent together: one transaction


def _first_of_tenants() -> str:
    return next(model._meta.db_table for model in models() if place_of(model) is Place.DISTRIBUTED)


def _citus_tables(cursor: Any) -> dict[str, str]:
    cursor.execute(CITUS_TABLES)
    return dict(cursor.fetchall())


def _name(key: Key) -> str:
    mark = f"_fk_{names_digest(key.table, *key.columns, key.target, length=8)}"
    return f"{key.table}_{key.columns[0]}"[: LONGEST_NAME - len(mark)] + mark


def _list(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)

"""The database as one file and back again, with a digest of each table to tell that nothing is missing."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

Digests = dict[str, str]  # table → "rows:sum of the rows' hashes", whatever their order
DEBIAN: Final = Path("/usr/lib/postgresql")
HASH_BITS: Final = 60
# The session's settings decide how values are written out.
PLAIN_SESSION: Final = "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1"
SQLITE_TABLES: Final = """
SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1
"""
TABLES: Final = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1
"""
CITUS: Final = "SELECT to_regclass('pg_dist_partition')"
SPREAD: Final = "SELECT FROM pg_dist_partition"
ROWS: Final = """
SELECT count(*), coalesce(sum(('x' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0) FROM {} t
"""


class BackupFailed(Exception):
    """What to tell whoever asked."""


@dataclass(frozen=True)
class SQLite:
    path: Path
    kind = "sqlite"

    def is_empty(self) -> bool:
        return not self.path.exists() or not self._digests(self.path)

    def save(self, file: Path) -> Digests:
        """Copy it as it is at one moment, while others go on writing."""
        with closing(sqlite3.connect(self.path)) as ours, closing(sqlite3.connect(file)) as copy:
            ours.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        return self._digests(file)

    def load(self, file: Path) -> Digests:
        for end in ("", "-wal", "-shm"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)
        shutil.copyfile(file, self.path)
        return self._digests(self.path)

    def _digests(self, file: Path) -> Digests:
        with closing(sqlite3.connect(file)) as connection:
            named = (
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
            )
            tables = [name for (name,) in connection.execute(named)]
            return {table: self._digest(connection, table) for table in tables}

    def _digest(self, connection: sqlite3.Connection, table: str) -> str:
        rows = total = 0
        for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  (named by the database)
            rows += 1
            hashed = hashlib.md5(repr(row).encode(), usedforsecurity=False).digest()
            total += int.from_bytes(hashed[:8]) >> (64 - HASH_BITS)
        return f"{rows}:{total}"


@dataclass(frozen=True)
class Postgres:
    conninfo: str
    password: str
    kind = "postgresql"

    def is_empty(self) -> bool:
        with self._connect() as connection:
            return connection.execute(TABLES).fetchone() is None

    def save(self, file: Path) -> Digests:
        """pg_dump and the digests see the same moment, while others go on writing. Errors: BackupFailed."""
        with self._connect() as connection:
            _require_one_server(connection)
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT pg_export_snapshot()").fetchone()
            assert row is not None  # noqa: S101  (a SELECT without FROM has one row)
            options = ("--format=custom", "--no-owner", "--no-privileges")  # `migrate` grants them anew
            self._run("pg_dump", *options, f"--snapshot={row[0]}", f"--file={file}")
            return self._digests(connection)

    def load(self, file: Path) -> Digests:
        """All of it or nothing."""
        self._run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", str(file))
        with self._connect() as connection:
            return self._digests(connection)

    def _connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self.conninfo, password=self.password, options=PLAIN_SESSION, autocommit=True)

    def _digests(self, connection: "psycopg.Connection[Any]") -> Digests:
        tables = [name for (name,) in connection.execute(TABLES)]
        return {table: self._digest(connection, table) for table in tables}

    def _digest(self, connection: "psycopg.Connection[Any]", table: str) -> str:
        row = connection.execute(sql.SQL(ROWS).format(sql.Identifier(table))).fetchone()
        assert row is not None  # noqa: S101  (a sum has one row)
        return f"{row[0]}:{row[1]}"

    def _run(self, program: str, *options: str) -> None:
        command = [_program(program), f"--dbname={self.conninfo}", *options]
        run = subprocess.run(  # noqa: S603  (no word of it comes from a caller of ours)
            command,
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
        )
        if run.returncode:
            raise BackupFailed(f"{program}: {run.stderr.strip()[-500:]}")


def _require_one_server(connection: "psycopg.Connection[Any]") -> None:
    """pg_dump finds no row of a table whose rows are elsewhere, and does not say so."""
    if connection.execute(CITUS).fetchone() != (None,) and connection.execute(SPREAD).fetchone() is not None:
        raise BackupFailed(
            "Tables of this database are spread over servers by Citus: back up the coordinator and each "
            "worker, by a tool for clusters of PostgreSQL (docs/scale.md)."
        )


def dump_of(database: Mapping[str, Any]) -> SQLite | Postgres:
    """For an entry of settings.DATABASES."""
    if database["ENGINE"].endswith("sqlite3"):
        return SQLite(Path(database["NAME"]))
    if database["ENGINE"] == "config.pooled":
        raise BackupFailed(
            "DATABASE_URL names a pooler of transactions; a backup needs PostgreSQL itself there."
        )
    named = {"host": "HOST", "port": "PORT", "user": "USER", "dbname": "NAME"}
    parts = {name: str(database[key]) for name, key in named.items() if database.get(key)}
    safe = {name: value for name, value in database.get("OPTIONS", {}).items() if name.startswith("ssl")}
    return Postgres(make_conninfo("", **parts, **safe), str(database.get("PASSWORD") or ""))


def _program(name: str) -> str:
    """On PATH, or Debian's newest."""
    places = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if found := shutil.which(name) or (places and str(places[-1])):
        return found
    raise BackupFailed(f"There is no {name} here; it comes with Debian's package postgresql-client.")

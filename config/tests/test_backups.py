"""What is restored is what was backed up, to the last digest, on both databases; anything else is said."""

import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from config import dumps
from config.backups import Installation, backup, restore
from config.dumps import BackupFailed, Postgres, SQLite, dump_of
from tests.servers.postgres import find_binaries

TABLES = [
    "CREATE TABLE people (id integer PRIMARY KEY, name text, paid numeric)",
    "CREATE TABLE parts (person integer REFERENCES people, data text)",
    "INSERT INTO people VALUES (1, 'Ada', 1.10), (2, 'Grüße', NULL)",
    "INSERT INTO parts VALUES (2, 'x'), (1, 'y'), (1, 'y')",
]
Make = Callable[[str], Installation]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.full)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """An empty installation by its name."""
    create = request.getfixturevalue("create_database") if kind == "postgresql" else None

    def made(name: str) -> Installation:
        var = tmp_path / name
        var.mkdir()
        database = create() if create else SQLite(var / "db.sqlite3")
        return Installation(database, var, "1.0")

    return made


@pytest.fixture
def create_database(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Postgres]]:
    monkeypatch.setenv("PATH", str(find_binaries()), prepend=":")
    server = dump_of(connection.settings_dict)
    assert isinstance(server, Postgres)
    names: list[str] = []
    with psycopg.connect(server.conninfo, password=server.password, autocommit=True) as admin:

        def create() -> Postgres:
            names.append(f"backup_{uuid4().hex}")
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(names[-1])))
            made = dump_of({**connection.settings_dict, "NAME": names[-1]})
            assert isinstance(made, Postgres)
            return made

        yield create
        for name in names:
            admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def run(place: Installation, *statements: str) -> None:
    if isinstance(place.database, SQLite):
        with closing(sqlite3.connect(place.database.path, isolation_level=None)) as ours:
            for statement in statements:
                ours.execute(statement)
        return
    with psycopg.connect(place.database.conninfo, password=place.database.password) as theirs:
        for statement in statements:
            theirs.execute(statement.encode())


@pytest.fixture
def full(make: Make) -> Installation:
    place = make("here")
    run(place, *TABLES)
    (place.var / "files/a").mkdir(parents=True)
    (place.var / "files/a/report.csv").write_bytes(b"1,2\n")
    (place.var / "secret_key.secret").write_text("s" * 60)
    return place


def test_all_comes_back_as_it_was(full: Installation, make: Make, tmp_path: Path) -> None:
    archive = tmp_path / "b/monday.tar"
    saved = backup(full, archive)
    rows = {table: digest.partition(":")[0] for table, digest in saved.items()}
    assert rows == {"people": "2", "parts": "3"}
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in archive.parent.iterdir()] == ["monday.tar"]
    there = make("there")
    (there.var / "secret_key.secret").write_text("made by the first start")
    assert restore(there, archive) == saved
    assert (there.var / "files/a/report.csv").read_bytes() == b"1,2\n"
    assert (there.var / "secret_key.secret").read_text() == "s" * 60
    assert backup(there, tmp_path / "again.tar") == saved


@pytest.mark.parametrize(
    "change",
    ["UPDATE people SET name = 'Eve' WHERE id = 1", "DELETE FROM parts WHERE data = 'y'"],
)
def test_any_change_changes_the_digest(full: Installation, tmp_path: Path, change: str) -> None:
    before = backup(full, tmp_path / "1.tar")
    run(full, change)
    assert backup(full, tmp_path / "2.tar") != before


def test_nothing_is_written_over(full: Installation, make: Make, tmp_path: Path) -> None:
    archive = tmp_path / "1.tar"
    backup(full, archive)
    with pytest.raises(BackupFailed, match="there already"):
        backup(full, archive)
    with pytest.raises(BackupFailed, match="holds tables already"):
        restore(full, archive)
    there = make("there")
    (there.var / "files").mkdir()
    (there.var / "files/x").touch()
    with pytest.raises(BackupFailed, match="there already"):
        restore(there, archive)
    assert there.database.is_empty()


@pytest.mark.parametrize(
    ("member", "was", "becomes", "message"),
    [
        ("files/a/report.csv", b"2", b"3", r"report\.csv is not what was backed up"),
        ("manifest.json", b'"people": "2:', b'"people": "1:', "not what was backed up: people"),
        ("manifest.json", b'"kind": "', b'"kind": "no', "The backup is of no"),
        ("manifest.json", b"{", b"", "no backup that can be read"),
    ],
)
def test_a_damaged_backup_is_refused(
    full: Installation, make: Make, tmp_path: Path, member: str, was: bytes, becomes: bytes, message: str
) -> None:
    archive, bad, part = tmp_path / "1.tar", tmp_path / "bad.tar", tmp_path / "part"
    backup(full, archive)
    with tarfile.open(archive) as whole, tarfile.open(bad, "w") as spoilt:
        for one in whole.getmembers():
            content = whole.extractfile(one)
            assert content is not None
            text = content.read()
            part.write_bytes(text.replace(was, becomes, 1) if one.name == member else text)
            spoilt.add(part, one.name)
    with pytest.raises(BackupFailed, match=message):
        restore(make("there"), bad)


def test_an_archive_that_is_cut_off_is_refused(full: Installation, make: Make, tmp_path: Path) -> None:
    archive, there = tmp_path / "1.tar", make("there")
    backup(full, archive)
    archive.write_bytes(archive.read_bytes()[:900])
    with pytest.raises(BackupFailed, match="no backup that can be read"):
        restore(there, archive)
    assert there.database.is_empty()


@pytest.mark.full
def test_tables_on_other_servers_are_not_left_out_in_silence(
    create_database: Callable[[], Postgres], tmp_path: Path
) -> None:
    """Citus tells of its tables in one of this name."""
    place = Installation(create_database(), tmp_path, "1.0")
    run(place, "CREATE TABLE pg_dist_partition (logicalrelid regclass)")
    backup(place, tmp_path / "1.tar")
    run(place, "INSERT INTO pg_dist_partition VALUES ('pg_dist_partition')")
    with pytest.raises(BackupFailed, match="spread over servers by Citus"):
        backup(place, tmp_path / "2.tar")
    assert not (tmp_path / "2.tar").exists()


def test_a_program_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dumps, "DEBIAN", tmp_path)
    with pytest.raises(BackupFailed, match="postgresql-client"):
        Postgres("host=127.0.0.1 port=1", "").load(tmp_path / "x")


@pytest.mark.parametrize(("name", "kind"), [("../evil", tarfile.REGTYPE), ("files/link", tarfile.SYMTYPE)])
def test_what_a_backup_never_holds_is_not_unpacked(
    full: Installation, make: Make, tmp_path: Path, name: str, kind: bytes
) -> None:
    archive = tmp_path / "1.tar"
    backup(full, archive)
    with tarfile.open(archive, "a") as tar:
        stranger = tarfile.TarInfo(name)
        stranger.type, stranger.linkname = kind, str(tmp_path)
        tar.addfile(stranger)
    there = make("there")
    with pytest.raises(BackupFailed, match=f"{name} is no file of a backup"):
        restore(there, archive)
    assert [path.name for path in there.var.rglob("*") if "evil" in path.name or path.is_symlink()] == []
    assert there.database.is_empty()


def test_a_local_secret_is_nobody_elses_to_read(full: Installation, make: Make, tmp_path: Path) -> None:
    secret = full.var / "secret_key.secret"
    secret.write_text("s")
    secret.chmod(0o600)
    backup(full, tmp_path / "1.tar")
    there = make("there")
    restore(there, tmp_path / "1.tar")
    assert (there.var / "secret_key.secret").stat().st_mode & 0o777 == 0o600

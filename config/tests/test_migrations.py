"""Migrations of tables that hold data keep nobody from reading and writing."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from accounts.policies import SecureRows
from accounts.unlocked import AddConstraintUnlocked, AddIndexUnlocked
from config.management.commands import migrate

# Up to these numbers they belong to the first release, which no database has yet: raise one only until then.
FIRST_RELEASE = {"accounts": 7, "usage": 9, "builds": 2, "inventory": 3, "gcore": 2}
UNLOCKED = (AddIndexUnlocked, AddConstraintUnlocked, SecureRows)
LOCKING = (
    migrations.AddIndex,
    migrations.AddConstraint,
    migrations.AlterUniqueTogether,
    migrations.AlterIndexTogether,
)
Later = dict[tuple[str, str], migrations.Migration]


def makes_a_key_anew(operation: Any) -> bool:
    """Whatever is changed of a foreign key, if only its index, Django takes it away and makes it again."""
    changed = isinstance(operation, migrations.AlterField) and isinstance(operation.field, models.ForeignKey)
    return changed and operation.field.db_constraint


def faults_of(later: Later) -> list[str]:
    """What would lock a table that was there before."""
    made = {
        (app, operation.name.lower())
        for (app, _), migration in later.items()
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    faults = []
    for (app, name), migration in later.items():
        for operation in migration.operations:
            table = (app, str(getattr(operation, "model_name", "") or getattr(operation, "name", "")).lower())
            if isinstance(operation, UNLOCKED):
                faults += [f"{app}.{name} needs atomic = False"] * migration.atomic
            elif isinstance(operation, LOCKING) and table not in made:
                faults.append(f"{app}.{name} locks {table[1]}: use accounts.unlocked")
            elif makes_a_key_anew(operation) and table not in made:
                faults.append(f"{app}.{name} makes a foreign key of {table[1]} anew under a lock")
    return faults


def test_no_migration_locks_a_table_that_holds_data() -> None:
    disk = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    later = {key: m for key, m in disk.items() if int(key[1][:4]) > FIRST_RELEASE.get(key[0], 10**4)}
    assert faults_of(later) == []


INDEX = models.Index(fields=["size"], name="things_by_size")
UNIQUE = models.UniqueConstraint(fields=["name", "size"], name="things_once")
SOME = models.UniqueConstraint(fields=["name"], condition=models.Q(size__gt=5), name="things_large_once")
CHECK = models.CheckConstraint(condition=models.Q(size__gte=0), name="things_not_negative")
OPERATIONS = [
    AddIndexUnlocked("thing", INDEX),
    AddConstraintUnlocked("thing", UNIQUE),
    AddConstraintUnlocked("thing", SOME),
    AddConstraintUnlocked("thing", CHECK),
]
MAKE = migrations.CreateModel("Thing", [("id", models.AutoField(primary_key=True))])


def key(**options: Any) -> Any:
    return models.ForeignKey("accounts.Tenant", models.PROTECT, db_index=False, **options)


def of(*operations: Any, atomic: bool = True) -> Later:
    made = type("Migration", (migrations.Migration,), {"operations": operations, "atomic": atomic})
    return {("usage", "0099_x"): made("0099_x", "usage")}


@pytest.mark.parametrize(
    ("later", "faults"),
    [
        (of(migrations.AddIndex("thing", INDEX)), ["usage.0099_x locks thing: use accounts.unlocked"]),
        (of(migrations.AddConstraint("thing", CHECK)), ["usage.0099_x locks thing: use accounts.unlocked"]),
        (of(MAKE, migrations.AddIndex("thing", INDEX)), []),
        (of(*OPERATIONS, atomic=False), []),
        (of(OPERATIONS[0]), ["usage.0099_x needs atomic = False"]),
        (of(SecureRows("Thing")), ["usage.0099_x needs atomic = False"]),
        (
            of(migrations.AlterField("thing", "tenant", key())),
            ["usage.0099_x makes a foreign key of thing anew under a lock"],
        ),
        (of(migrations.AlterField("thing", "tenant", key(db_constraint=False))), []),
        (of(MAKE, migrations.AlterField("thing", "tenant", key())), []),
    ],
)
def test_what_locks_is_found(later: Later, faults: list[str]) -> None:
    assert faults_of(later) == faults


@pytest.fixture
def things(transactional_db: None) -> Iterator[ProjectState]:
    """A table with two rows."""
    state = ProjectState()
    fields: Any = [("id", models.AutoField(primary_key=True)), ("name", models.TextField())]
    state.add_model(ModelState("usage", "Thing", [*fields, ("size", models.IntegerField())]))
    thing = state.apps.get_model("usage", "Thing")
    with connection.schema_editor() as editor:
        editor.create_model(thing)
    thing.objects.bulk_create([thing(name="a", size=1), thing(name="b", size=2)])
    yield state
    with connection.schema_editor() as editor:
        editor.delete_model(thing)


def apply(state: ProjectState, operation: Any, *, back: bool = False) -> ProjectState:
    after = state.clone()
    operation.state_forwards("usage", after)
    with connection.schema_editor(atomic=False) as editor:
        if back:
            operation.database_backwards("usage", editor, after, state)
        else:
            operation.database_forwards("usage", editor, state, after)
    return after


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.describe())
def test_it_is_there_and_gone_again(things: ProjectState, operation: Any) -> None:
    name = (getattr(operation, "index", None) or operation.constraint).name

    def present() -> bool:
        with connection.cursor() as cursor:
            return name in connection.introspection.get_constraints(cursor, "usage_thing")

    apply(things, operation)
    assert present()
    apply(things, operation, back=True)
    assert not present()


@pytest.mark.full
def test_others_write_while_an_index_is_built(things: ProjectState) -> None:
    """A plain CREATE INDEX would wait for the open transaction, and every later writer for it."""
    other: Any = connection.copy()
    built = threading.Thread(target=_build, args=(things,))
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE usage_thing SET size = 3")
        built.start()
        _wait_for(other, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'")
        with connection.cursor() as third:
            third.execute("SET statement_timeout = '2s'")
            third.execute("INSERT INTO usage_thing (name, size) VALUES ('c', 3)")
            third.execute("RESET statement_timeout")
        assert built.is_alive()
        cursor.execute("COMMIT")
    built.join(10)
    other.close()
    with connection.cursor() as cursor:
        assert "things_by_size" in connection.introspection.get_constraints(cursor, "usage_thing")


def _build(state: ProjectState) -> None:
    try:
        apply(state, OPERATIONS[0])
    finally:
        connections.close_all()


def _wait_for(other: Any, question: str) -> None:
    deadline = time.monotonic() + 10
    with other.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(question)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("Nobody has begun to build.")


@pytest.mark.full
def test_migrate_gives_up_where_a_table_is_in_use(
    things: ProjectState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody who came after it would wait, too."""
    other: Any = connection.copy()

    def alter(*args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE usage_thing ADD COLUMN more integer")

    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr("django.core.management.commands.migrate.Command.handle", alter)
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE usage_thing SET size = 3")
        with pytest.raises(CommandError, match="run `migrate` again"):
            call_command("migrate")
        cursor.execute("ROLLBACK")
    other.close()
    call_command("migrate")
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)

"""Behind a pooler of transactions nothing counts on a session, and what does says so."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from config.dumps import BackupFailed, dump_of
from config.pooled.base import DatabaseWrapper

SHOWN = "import json; from django.conf import settings as s; print(json.dumps(s.DATABASES['default']))"


def database(**environment: str) -> dict[str, Any]:
    """The settings of the database in a process with that environment."""
    run = subprocess.run(
        [sys.executable, "-c", SHOWN],
        cwd=settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "ENVIRONMENT": "test",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "VAR_DIR": str(settings.VAR_DIR),
            "DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c",
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_a_pooler_is_sent_no_options_of_a_session() -> None:
    pooled = database(DATABASE_TRANSACTION_POOLING="true")
    assert (pooled["ENGINE"], "options" in pooled["OPTIONS"]) == ("config.pooled", False)
    direct = database()
    assert (direct["ENGINE"], direct["OPTIONS"]["options"]) == ("django.db.backends.postgresql", "-c jit=off")


@pytest.fixture
def pooled(transactional_db: None) -> Iterator[DatabaseWrapper]:
    """A connection of its own, as settings for a pooler make it."""
    wrapper = DatabaseWrapper({**connection.settings_dict, "ENGINE": "config.pooled"}, "default")
    yield wrapper
    wrapper.close()


@pytest.mark.full
def test_a_cursor_of_the_server_lives_in_a_transaction_only(pooled: DatabaseWrapper) -> None:
    assert not hasattr(pooled.chunked_cursor().cursor, "itersize")
    with pooled.cursor() as cursor:
        cursor.execute("BEGIN")
        assert hasattr(pooled.chunked_cursor().cursor, "itersize")
        cursor.execute("ROLLBACK")


@pytest.mark.django_db
def test_migrations_are_not_sent_through_it(settings: Any) -> None:
    settings.DATABASE_TRANSACTION_POOLING = True
    if connection.vendor == "postgresql":
        with pytest.raises(CommandError, match="name PostgreSQL itself in DATABASE_URL"):
            call_command("migrate", verbosity=0)


def test_no_backup_is_made_through_it() -> None:
    with pytest.raises(BackupFailed, match="needs PostgreSQL itself"):
        dump_of({"ENGINE": "config.pooled"})

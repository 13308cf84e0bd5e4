"""What `distribute` would do, told before it is done."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from config.distribution.plan import plan

pytestmark = [pytest.mark.django_db, pytest.mark.full]


def statements(**options: Any) -> list[str]:
    out = StringIO()
    call_command("distribute", plan=True, json=True, stdout=out, **options)
    return [step["sql"] for step in json.loads(out.getvalue())["steps"]]


def test_it_goes_on_where_it_was_stopped() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        steps = plan(cursor, keys_only=True)
        for step in steps[:100]:
            cursor.execute(step.sql)
        assert plan(cursor, keys_only=True) == steps[100:]
        transaction.set_rollback(True)


def test_the_plan_is_told_and_not_done() -> None:
    told = statements(keys_only=True)
    first = told.index('ALTER TABLE "builds_artifact" DROP CONSTRAINT "builds_artifact_pkey", ADD CONSTRAINT'
                       ' "builds_artifact_pkey" PRIMARY KEY ("id", "tenant_id")')  # fmt: skip
    (last,) = (n for n, sql in enumerate(told) if sql.startswith('ALTER TABLE "builds_artifact" ADD'))
    assert told[last].endswith(
        'FOREIGN KEY ("build_id", "tenant_id") REFERENCES "builds_build" ("id", "tenant_id")'
        " DEFERRABLE INITIALLY DEFERRED"
    )
    assert first < last
    assert statements(keys_only=True) == told


def test_policies_and_compiling_go_before_tables_move_and_tables_that_are_there_stay() -> None:
    """Citus tells of its tables in a view of this name."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE citus_tables AS"
            " SELECT 'accounts_tenant' AS table_name, 'reference' AS citus_table_type"
        )
        told = [step.sql for step in plan(cursor, keys_only=False)]
        dropped = [sql for sql in told if " DISABLE ROW LEVEL SECURITY; DROP POLICY " in sql]
        assert len(dropped) > 70
        move = "SELECT create_reference_table('{}')"
        assert told.index(dropped[-1]) < told.index(move.format("accounts_user"))
        assert move.format("accounts_tenant") not in told
        (uncompiled,) = (sql for sql in told if sql.endswith(" SET jit = off"))
        done = [*dropped, uncompiled]
        for sql in done:
            cursor.execute(sql)
        cursor.execute("SELECT count(*) FROM pg_policy")
        assert cursor.fetchone() == (0,)
        left = [step.sql for step in plan(cursor, keys_only=False)]
        assert left == [sql for sql in told if sql not in done]
        transaction.set_rollback(True)


def test_without_citus_it_says_what_is_missing() -> None:
    with pytest.raises(CommandError, match=r"no extension `citus`.*--keys-only"):
        call_command("distribute")
    assert len(statements(keys_only=True)) > 100

"""Production's processes on servers of their own, which a fault test may hurt."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
import redis

from tests.faults.load import Load
from tests.faults.programs import ROOT, Aggregator, Intake, Web, Writer
from tests.servers import Postgres, Redis

SECONDS: Final = float(os.environ.get("FAULT_SECONDS", "1"))
DEADLINE_SECONDS: Final = 90.0 + SECONDS
CLAIM_SECONDS: Final = 1.0
KEYS: Final = {tenant: secrets.token_hex(16) for tenant in ("acme", "rival")}
SETTINGS: Final = {
    "ENVIRONMENT": "test",
    "SECRET_KEY": secrets.token_urlsafe(48),
    "API_KEYS": ",".join(f"{key}:{tenant}:write" for tenant, key in KEYS.items()),
    "LOG_LEVEL": "WARNING",
    # Counted in full, but out of reach.
    "RATE_LIMIT_API_KEY": "1000000000",
    "RATE_LIMIT_TENANT": "1000000000",
    # A loaded machine is not a Redis that is away; usage/tests hold the real patience to its word.
    "REDIS_TIMEOUT_SECONDS": "1",
}
SETUP: Final = """
from django.core.management import call_command
from accounts.services.keys import api_keys_seed
call_command("migrate", verbosity=0)
api_keys_seed()
"""
SLOW: Final = """
CREATE FUNCTION slow_{table}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({seconds}); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER INSERT ON {table} EXECUTE FUNCTION slow_{table}()
"""
# Hours and days made of the events by the shortest way; of the rows of the tests' own kind.
RAW: Final = """
SELECT tenant_id, '{level}', date_trunc('{level}', timestamp, 'UTC'), user_id, count(*),
    sum((metrics->>'amount')::numeric), min((metrics->>'amount')::numeric), max((metrics->>'amount')::numeric)
FROM usage_usageevent WHERE ended_at IS NULL AND user_id = 'fault-test' GROUP BY 1, 2, 3, 4
"""
ROLLUPS: Final = """
SELECT tenant_id, level, start, user_id, count, (metrics->'amount'->>1)::numeric,
    (metrics->'amount'->>2)::numeric, (metrics->'amount'->>3)::numeric
FROM usage_rollup WHERE user_id = 'fault-test' AND level IN ('hour', 'day')
"""
# Of everything: what the hours and days say without their users, and what their totals say.
APART: Final = """
SELECT '{level}', tenant_id, start, service_type, service_provider, event_type, model, sum(count)::bigint,
    sum((metrics->'amount'->>1)::numeric), min((metrics->'amount'->>2)::numeric),
    max((metrics->'amount'->>3)::numeric)
FROM usage_rollup WHERE level = '{level}{total}'
GROUP BY tenant_id, start, service_type, service_provider, event_type, model
"""
UNEQUAL_TOTALS: Final = """
WITH users AS ({} UNION ALL {}), totals AS ({} UNION ALL {})
(TABLE users EXCEPT ALL TABLE totals) UNION ALL (TABLE totals EXCEPT ALL TABLE users)
""".format(*(APART.format(level=level, total=total) for total in ("", "_total") for level in ("hour", "day")))
UNEQUAL: Final = """
WITH raw AS ({hours} UNION ALL {days}), sums AS ({rollups})
(TABLE raw EXCEPT ALL TABLE sums) UNION ALL (TABLE sums EXCEPT ALL TABLE raw)
""".format(hours=RAW.format(level="hour"), days=RAW.format(level="day"), rollups=ROLLUPS)


def rounds(least: int) -> Iterator[int]:
    """Count up as long as the load is to last, but at least so often."""
    end = time.monotonic() + SECONDS
    number = 0
    while number < least or time.monotonic() < end:
        yield number
        number += 1


def eventually(condition: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> bool:
    """Ask until it is true, ever less often; False when it has not become true in time."""
    deadline = time.monotonic() + seconds
    pause = 0.02
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 0.25)
    return True


def manage(environment: dict[str, str], code: str) -> str:
    """What a piece of code prints that runs inside Django."""
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", code]
    inherited = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, cwd=ROOT, env={**inherited, **environment}, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


class Stack:
    """Redis that syncs its log, PostgreSQL with fsync, a process of each kind that takes events, two writers
    and two aggregators.
    """

    def __init__(self, var: Path) -> None:
        # `everysec` answers before it writes while a sync lasts, so with a slow disk a kill may lose events.
        self.redis = Redis(appendonly=True, settings={"appendfsync": "always"})
        self.postgres = Postgres()
        self.environment = {
            **SETTINGS,
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "VAR_DIR": str(var),
            "EVENT_STREAM": "faults:events",
            "EVENT_CLAIM_SECONDS": str(CLAIM_SECONDS),
        }
        self.web = Web(self.environment)
        self.intake = Intake(self.environment)
        self.writers = [Writer(self.environment) for _ in range(2)]
        self.aggregators = [Aggregator(self.environment) for _ in range(2)]
        self.stream = redis.Redis.from_url(self.redis.url)

    def start(self) -> None:
        self.redis.start()
        self.postgres.start()
        manage(self.environment, SETUP)
        self.heal()

    def heal(self) -> None:
        """Whatever the last test left behind, everything runs again: the servers, then who needs them."""
        for kind in ((self.redis, self.postgres), (self.web, self.intake, *self.writers, *self.aggregators)):
            ended = [server for server in kind if not server.running]
            for server in kind:
                if server in ended:
                    server.kill()
                    server.launch()
                else:
                    server.resume()
            for server in ended:
                server.wait_for_answer()

    def close(self) -> None:
        programs = (*self.aggregators, *self.writers, self.intake, self.web)
        for server in (*programs, self.postgres, self.redis):
            server.close()

    def load(self, seed: str) -> Load:
        return Load((self.web.port, self.intake.port), KEYS, seed)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def waiting(self) -> tuple[int, int]:
        """Entries in the stream, and those of them that are in a writer's hands."""
        name = self.environment["EVENT_STREAM"]
        depth: Any = self.stream.xlen(name)
        try:
            pending: Any = self.stream.xpending(name, "writers")
        except redis.ResponseError:  # a Redis that lost everything has no group until a writer makes it
            return depth, 0
        return depth, pending["pending"]

    def stored(self, name: str) -> list[tuple[str, str, Decimal]]:
        """(tenant, event id, amount) of each row in the ledger whose event id begins so."""
        return self.sql(
            "SELECT t.slug, e.event_id, (e.metrics->>'amount')::numeric FROM usage_usageevent e"
            " JOIN accounts_tenant t ON t.id = e.tenant_id WHERE starts_with(e.event_id, %s)",
            name,
        )

    def marked(self) -> int:
        """Marks of hours whose sums are still to be made again."""
        return int(self.sql("SELECT count(*) FROM usage_dirtyhour")[0][0])

    def unequal(self) -> list[tuple[Any, ...]]:
        """Sums of hours and days that are not those of their events, on either side."""
        return self.sql(UNEQUAL) + self.sql(UNEQUAL_TOTALS)

    @contextmanager
    def slow_inserts(self, seconds: float = 0.1, table: str = "usage_usageevent") -> Iterator[None]:
        """Each insert takes a while, so that faults come in the middle of transactions."""
        self.sql(SLOW.format(seconds=seconds, table=table))
        try:
            yield
        finally:
            self.heal()  # one that is frozen in a transaction would hold its lock on the table
            self.sql(f"DROP FUNCTION slow_{table} CASCADE")

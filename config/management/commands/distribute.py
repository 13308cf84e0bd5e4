"""`manage.py distribute`: spread the tenants over several PostgreSQL servers."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from accounts.management.base import PlainCommand
from accounts.management.progress import Bar
from config.distribution import plan
from config.distribution.places import Place
from config.distribution.plan import NotDistributable, Step
from config.management.commands.migrate import DIRECTLY, LOCK_SECONDS


class Command(PlainCommand):
    help = (
        "Give every table its place in a cluster of Citus: tenants' tables are cut up by tenant, catalogues\n"
        "are whole on each server, the rest stays on the coordinator. Keys come to hold the tenant before\n"
        "that. Stop what writes, and keep a backup: tables are locked while they move. What is done is not\n"
        "done again: after a stop, and after a `migrate` that says so, run it once more.\n\n"
        "Examples:\n"
        "  manage.py distribute --plan              # what it would do, as SQL\n"
        "  manage.py distribute --plan --json | jq '.tables[] | select(.place == \"local\")'\n"
        "  manage.py distribute --keys-only         # the keys alone, on any PostgreSQL\n"
        "  manage.py distribute\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--plan", action="store_true", help="tell what is to be done and do nothing")
        parser.add_argument(
            "--keys-only", action="store_true", help="change the keys and leave the tables where they are"
        )
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL is spread over servers; this database is SQLite.")
        if settings.DATABASE_TRANSACTION_POOLING:
            raise CommandError(DIRECTLY)
        with connection.cursor() as cursor:
            try:
                if not options["keys_only"]:
                    plan.require_servers(cursor)
                steps = plan.plan(cursor, keys_only=options["keys_only"])
            except NotDistributable as error:
                raise CommandError(str(error)) from error
            if not options["plan"]:
                self._do(cursor, steps)
            self._tell(cursor, steps, options)

    def _do(self, cursor: Any, steps: list[Step]) -> None:
        bar = Bar(self.stderr, "Steps", len(steps))
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        try:
            for step in steps:
                cursor.execute(step.sql)
                bar.step()
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise CommandError(
                    f"{step.table} was in use for {LOCK_SECONDS} seconds. What is done stays done: stop what"
                    " uses it, then run `distribute` again."
                ) from error
            raise
        finally:
            cursor.execute("RESET lock_timeout")
            bar.close()

    def _tell(self, cursor: Any, steps: list[Step], options: dict[str, Any]) -> None:
        found = plan.seats(cursor, has_citus=plan.has_citus(cursor))
        if options["json"]:
            tables = [seat._asdict() for seat in found]
            told = {
                "done": not options["plan"],
                "steps": [step._asdict() for step in steps],
                "tables": tables,
            }
            self.stdout.write(json.dumps(told))
            return
        if options["plan"]:
            for step in steps:
                self.stdout.write(f"{step.sql};")
        done = "to be done" if options["plan"] else "done"
        counts = ", ".join(f"{sum(seat.place == place for seat in found)} {place}" for place in Place)
        self.stdout.write(f"{len(steps)} steps {done}; of {len(found)} tables belong: {counts}.")

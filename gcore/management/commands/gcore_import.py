"""`manage.py gcore_import`: a month of Gcore's usage and costs into the ledger."""

import json
from argparse import ArgumentParser
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from time import sleep
from typing import Any, Final
from uuid import UUID

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.management.base import PlainCommand
from accounts.management.progress import Bar
from gcore.models import ProviderImport
from gcore.queries.imports import due_imports, imported_mappings, last_day
from gcore.services.expenses import next_month
from gcore.services.imports import Wish, import_step, imports_ask
from gcore.services.report_steps import report_step

SHORTEST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 5.0
AT_ONCE: Final = 200


class Command(PlainCommand):
    help = (
        "Bring the days of a month that are over into the ledger, and its costs, for the customers that are\n"
        "mapped to tenants. What is here already is asked for again: what Gcore corrected is replaced, and\n"
        "nothing else changes. It may be ended at any time; the workers go on with it.\n\n"
        "Examples:\n"
        "  manage.py gcore_import --month 2026-10\n"
        "  manage.py gcore_import --month 2026-10 --client 829449 --tenant acme\n"
        "  manage.py gcore_import --month 2026-10 --json | jq .stored\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", required=True, help="such as 2026-10, in UTC")
        parser.add_argument("--client", default="", help="the id of one Gcore client; default: all")
        parser.add_argument("--tenant", default="", help="the slug of one tenant; default: all")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, month: str, client: str, tenant: str, **options: Any) -> None:
        mappings = imported_mappings(tenant=tenant, client_id=client)
        if not mappings:
            raise CommandError("No such Gcore client is mapped to a tenant and imported.")
        days = self._days(month)
        wishes = [
            Wish(mapping, kind, day) for mapping in mappings for day in days for kind in _kinds(day, days)
        ]
        ids = imports_ask(wishes=wishes)
        bar = Bar(self.stderr, "Days of products", len(ids))
        for _ in self._work(ids):
            bar.step()
        bar.close()
        self._say(ids, as_json=options["json"])

    def _days(self, month: str) -> list[date]:
        try:
            first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).date()
        except ValueError as error:
            raise CommandError(f"{month!r} is no month; give one such as 2026-10.") from error
        until = min(next_month(first), last_day(timezone.now()) + timedelta(days=1))
        if until <= first:
            raise CommandError(f"No day of {month} is over.")
        return [first + timedelta(days=n) for n in range((until - first).days)]

    def _work(self, ids: list[UUID]) -> Any:
        """Do what is due, here and beside the workers, until each has come in or has failed once."""
        left = set(ids)
        while left:
            for run_id in due_imports(timezone.now(), AT_ONCE, list(left)):
                import_step(run_id=run_id)
            rows = ProviderImport.objects.filter(pk__in=left).select_related("job")
            runs = list(rows)
            left &= {run.pk for run in runs}  # a mapping that is removed takes its imports along
            for run in runs:
                if not run.is_pending or (run.state == ProviderImport.State.WAITING and run.tries):
                    left.discard(run.pk)
                    yield run
                elif run.job and run.job.is_running:
                    report_step(job_id=run.job.pk)
            if left:
                sleep(_pause(runs))

    def _say(self, ids: list[UUID], *, as_json: bool) -> None:
        runs = list(
            ProviderImport.objects.filter(pk__in=ids).select_related("mapping").order_by("day", "kind")
        )
        counts: Counter[str] = Counter()
        for run in runs:
            counts.update(run.counts)
        failed = [run for run in runs if run.state != ProviderImport.State.COMPLETED]
        if as_json:
            errors = [{"import": str(run), "error": run.error} for run in failed]
            done = len(runs) - len(failed)
            self.stdout.write(
                json.dumps({"completed": done, "failed": len(failed), **counts, "errors": errors})
            )
        else:
            told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing to tell"
            self.stdout.write(f"{len(runs) - len(failed)} days of products came in: {told}.")
            for run in failed:
                self.stderr.write(f"{run}: {run.error}")
        if failed:
            raise CommandError(f"{len(failed)} did not come in; the workers try them again.")


def _kinds(day: date, days: list[date]) -> list[str]:
    """The costs of all the month come with its last day."""
    costs = ProviderImport.Kind.EXPENSES
    return [kind for kind in ProviderImport.Kind.values if kind != costs or day == days[-1]]


def _pause(runs: list[ProviderImport]) -> float:
    """Seconds until something is due."""
    now = timezone.now()
    due = [run.next_step_at for run in runs if run.next_step_at]
    due += [run.job.next_poll_at for run in runs if run.job and run.job.next_poll_at]
    wait = min(((moment - now).total_seconds() for moment in due), default=0)
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)

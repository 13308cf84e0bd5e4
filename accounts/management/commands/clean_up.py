"""Clear away what is not needed any more, as the task does every hour."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.management.base import PlainCommand
from accounts.principals import SYSTEM
from accounts.services.cleaning import Report, clean_up


class Command(PlainCommand):
    help = (
        "Clear away expired tokens, old activity, orphaned files and the like, as a task does every hour.\n\n"
        "Examples:\n"
        "  manage.py clean_up --dry-run      (only counts)\n"
        "  manage.py clean_up\n"
        "  manage.py clean_up --json | jq .activity\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="remove nothing, only count")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = clean_up(by=SYSTEM, dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps({report.job.name: report.removed for report in reports}))
        else:
            self._table(reports, options["dry_run"])
        if failed := [f"{report.job.name} ({report.error})" for report in reports if report.error]:
            raise CommandError(f"Not done to the end: {', '.join(failed)}; the log says why.")

    def _table(self, reports: list[Report], dry_run: bool) -> None:
        self.stdout.write(f"{'job':<14}{'would remove' if dry_run else 'removed':>13}  what")
        for report in reports:
            self.stdout.write(f"{report.job.name:<14}{report.removed:>13,}  {report.job.what}")

"""`manage.py rollup_usage`: the aggregation, all at once."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from accounts.management.base import PlainCommand
from accounts.management.progress import Bar
from usage.queries.backlog import dirty_days_count
from usage.rollups import recompute_all


class Command(PlainCommand):
    help = (
        "Make the sums of all hours again whose events have changed. The scheduled task does the same every\n"
        "minute; both may run at once, and this may be ended at any time.\n\n"
        "Examples:\n"
        "  manage.py rollup_usage\n"
        "  manage.py rollup_usage --json | jq .hours\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        days = hours = 0
        bar = Bar(self.stderr, "Days", dirty_days_count())
        for done in recompute_all():
            days, hours = days + 1, hours + done.hours
            bar.step()
        bar.close()
        said = {"days": days, "hours": hours, "seconds": round(time.perf_counter() - started, 3)}
        text = f"{hours} hours of {days} days were summed up again in {said['seconds']} s."
        self.stdout.write(json.dumps(said) if options["json"] else text)

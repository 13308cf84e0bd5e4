"""`manage.py verify_usage`: compare the rollups with their events."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError

from accounts.management.base import PlainCommand
from accounts.management.progress import Bar
from accounts.models import Tenant
from accounts.principals import SYSTEM
from accounts.row_security import as_tenant
from usage.queries.cover import DAY
from usage.queries.verify import Verdict, days_between, verify
from usage.services.rollups import rollups_remake


class Command(PlainCommand):
    help = (
        "Recompute a window from the events and compare it with the rollups. Each difference is told, and\n"
        "none is mended: --repair marks the hours to be made again; without it differences end it with 1.\n\n"
        "Examples:\n"
        "  manage.py verify_usage acme --from 2026-03-01 --to 2026-03-31\n"
        "  manage.py verify_usage acme --repair && manage.py rollup_usage\n"
        "  manage.py verify_usage acme --json | jq .wrong\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug")
        parser.add_argument("--from", dest="start", help="a moment or a day in UTC; default: 31 days ago")
        parser.add_argument("--to", dest="end", help="the same, a day is included; default: now")
        parser.add_argument("--repair", action="store_true", help="mark the hours that differ")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']}.")
        end = self._moment(options["end"], whole_day=True) or datetime.now(UTC)
        start = self._moment(options["start"]) or end - timedelta(days=31)
        if start >= end:
            raise CommandError("--to must be after --from.")
        verdict = Verdict()
        bar = Bar(self.stderr, "Days", days_between(start, end))
        marked = 0
        with as_tenant(tenant):
            for _ in verify(tenant=tenant, start=start, end=end, verdict=verdict):
                bar.step()
            bar.close()
            if options["repair"]:
                starts = (difference.start for difference in verdict.differences)
                marked = rollups_remake(by=SYSTEM, tenant=tenant, starts=starts)
        self._say(verdict, marked, as_json=options["json"])
        if verdict.wrong and not options["repair"]:
            raise CommandError(f"{verdict.wrong} figures differ from their events.")

    def _moment(self, text: str | None, *, whole_day: bool = False) -> datetime | None:
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise CommandError(f"{text!r} is no moment.") from error
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return found + DAY if whole_day and len(text) == len("2026-03-01") else found

    def _say(self, verdict: Verdict, marked: int, *, as_json: bool) -> None:
        counts = {
            "hours": verdict.hours,
            "days": verdict.days,
            "dirty": verdict.dirty,
            "wrong": verdict.wrong,
        }
        if as_json:
            differences = [difference._asdict() for difference in verdict.differences]
            said = {**counts, "marked": marked, "differences": differences}
            self.stdout.write(json.dumps(said, default=str))
            return
        for level, start, dimensions, name, stored, recomputed in verdict.differences:
            where = " ".join(f"{key}={value}" for key, value in dimensions.items())
            self.stdout.write(
                f"{level} {start:%Y-%m-%d %H:%M} {where}: {name} is {stored}, events say {recomputed}"
            )
        self.stdout.write(
            f"{verdict.hours} hours and {verdict.days} days compared, {verdict.dirty} dirty hours left out,"
            f" {verdict.wrong} figures differ, {marked} hours marked."
        )

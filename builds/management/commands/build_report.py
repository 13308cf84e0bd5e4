"""`manage.py build_report`: the board in a terminal."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError

from accounts.management.base import PlainCommand
from accounts.models import Tenant
from accounts.row_security import as_tenant
from builds.models import Build
from builds.queries.board import MOST, Board, Card, board_of
from builds.queries.dashboard import dashboard_summary
from builds.rules import Status

WIDTH = 20


class Command(PlainCommand):
    help = (
        "Print a tenant's builds by phase: those that are open, and those of the last seven days.\n\n"
        "Examples:\n"
        "  manage.py build_report acme\n"
        "  manage.py build_report acme --platform aws-commercial\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug")
        parser.add_argument("--platform", default="", help="only this one, by slug")

    def handle(self, *args: Any, tenant: str, platform: str, **options: Any) -> None:
        found = Tenant.objects.filter(slug=tenant).first()
        if found is None:
            raise CommandError(f"There is no tenant {tenant}.")
        with as_tenant(found):
            rows = Build.objects.for_tenant(found)
            self._say(board_of(rows.filter(platform__slug=platform) if platform else rows))
            counts = dashboard_summary(found)["status_counts"]
        told = ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in counts.items())
        self.stdout.write(f"All builds of {found.slug}: {told}.")

    def _say(self, board: Board) -> None:
        for phase, cards in board.columns.items():
            self.stdout.write(self.style.MIGRATE_HEADING(f"{phase} ({len(cards)})"))
            for card in cards:
                self.stdout.write(self._line(card))
        if not board.complete:
            self.stdout.write(f"Only the newest {MOST} are shown.")

    def _line(self, card: Card) -> str:
        build = card.build
        bar = "#" * (WIDTH * build.state_code // 100)
        made_of = f"{build.platform.slug} {build.os_version.slug} {build.image_type.slug}"
        line = f"  [{bar:<{WIDTH}}] {build.state_code:>3}  {build.build_id:<24} {build.status:<12} {made_of}"
        line += f"  {_told(card.waited)}  {card.state.name}"
        marks = {"overdue": card.overdue, "stuck": card.stuck, "revoked": build.revoked_at is not None}
        told = [build.reason, *(mark for mark, is_so in marks.items() if is_so)]
        line += "".join(f"  {mark.upper()}" for mark in told if mark)
        styles = {Status.FAILED: self.style.ERROR, Status.COMPLETED: self.style.SUCCESS}
        return styles[Status(build.status)](line) if build.status in styles else line


def _told(waited: timedelta) -> str:
    minutes = int(waited.total_seconds()) // 60
    return (
        f"{minutes} min"
        if minutes < 120
        else f"{minutes // 60} h"
        if minutes < 2880
        else f"{minutes // 1440} d"
    )

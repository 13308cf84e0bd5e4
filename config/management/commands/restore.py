"""`manage.py restore`: a backup into an empty installation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts.management.base import PlainCommand
from config.backups import Installation, restore
from config.dumps import BackupFailed, dump_of


class Command(PlainCommand):
    help = (
        "Put a backup into an empty database and VAR_DIR, and compare the digest of every table and file.\n"
        "Stop the platform first; run `manage.py migrate` afterwards, whatever the backup's age.\n\n"
        "Example:\n"
        "  DATABASE_URL=postgresql://…/empty manage.py restore /backups/monday.tar\n"
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", help="what `manage.py backup` wrote")

    def handle(self, *args: Any, archive: str, **options: Any) -> None:
        place = Installation(dump_of(settings.DATABASES["default"]), settings.VAR_DIR, settings.VERSION)
        try:
            digests = restore(place, Path(archive))
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        rows = sum(int(digest.partition(":")[0]) for digest in digests.values())
        self.stdout.write(f"{rows} rows of {len(digests)} tables are what they were.")

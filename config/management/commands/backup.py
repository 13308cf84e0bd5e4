"""`manage.py backup`: database, files and local secrets as one archive."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.management.base import PlainCommand
from config.backups import Installation, backup
from config.dumps import BackupFailed, dump_of


class Command(PlainCommand):
    help = (
        "Write the database as it is at one moment and the kept files into one archive, while all goes on.\n"
        "Events that still wait in Redis are not in it. It holds secrets: keep it where nobody reads it.\n\n"
        "Examples:\n"
        "  manage.py backup\n"
        "  manage.py backup /backups/monday.tar\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", nargs="?", help="default: backups/<time>.tar in VAR_DIR")

    def handle(self, *args: Any, archive: str | None, **options: Any) -> None:
        named = f"{timezone.now():%Y-%m-%dT%H%M%SZ}.tar"
        path = Path(archive) if archive else settings.VAR_DIR / "backups" / named
        place = Installation(dump_of(settings.DATABASES["default"]), settings.VAR_DIR, settings.VERSION)
        try:
            digests = backup(place, path)
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        rows = sum(int(digest.partition(":")[0]) for digest in digests.values())
        self.stdout.write(f"{path}: {rows} rows of {len(digests)} tables")

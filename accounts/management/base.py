"""What every command of the platform has in common."""

from argparse import RawDescriptionHelpFormatter
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError


class PlainCommand(BaseCommand):
    """Its `help` keeps its lines, for examples at its end. A database that is away ends it in a sentence."""

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_parser(*args, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except (OperationalError, psycopg.OperationalError) as error:
            raise CommandError(f"The database does not do it: {error}") from error

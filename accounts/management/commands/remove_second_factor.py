"""For a member of staff who lost phone and recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.management.base import PlainCommand
from accounts.models import User
from accounts.principals import SYSTEM
from accounts.services.second_factor import second_factor_remove


class Command(PlainCommand):
    help = (
        "Take away a person's second factor; the next sign-in sets a new one up where one is needed.\n\n"
        "Example:\n"
        "  manage.py remove_second_factor ada@acme.test\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="of the person's account")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None or not second_factor_remove(by=SYSTEM, user=user):
            raise CommandError(f"There is no account {email} with a second factor.")
        self.stdout.write(f"The second factor of {user.email} is gone.")

"""`manage.py rotate_secrets`: everything encrypted, closed anew with today's key."""

import json
from argparse import ArgumentParser
from typing import Any, Final

from cryptography.fernet import InvalidToken
from django.core.management.base import CommandError
from django.db.models import QuerySet

from accounts.management.base import PlainCommand
from accounts.models import SecondFactor, Webhook
from accounts.principals import SYSTEM
from accounts.services.logs import audit
from accounts.signing import reseal
from builds.models import Variable
from gcore.models import GcoreAccount

# All columns that hold what accounts.signing has sealed.
SEALED: Final[list[tuple[QuerySet[Any], str]]] = [
    (Webhook.objects.all(), "secret"),
    (Webhook.objects.all(), "previous_secret"),
    (SecondFactor.objects.all(), "secret"),
    (Variable.objects.filter(is_secret=True), "value"),
    (GcoreAccount.objects.all(), "sealed_password"),
    (GcoreAccount.objects.all(), "sealed_api_token"),
]


class Command(PlainCommand):
    help = (
        "Close every stored secret anew with the first key of WEBHOOK_SECRET_KEY; then the former ones may\n"
        "be taken out of it. It may run beside everything else, be ended at any time, and run again.\n\n"
        "Examples:\n"
        "  WEBHOOK_SECRET_KEY=new,old manage.py rotate_secrets\n"
        "  manage.py rotate_secrets --json\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        said = {"rotated": 0, "current": 0, "unreadable": 0}
        for rows, field in SEALED:
            for pk, sealed in rows.exclude(**{field: ""}).values_list("pk", field).iterator():
                said[_rotate(rows, pk, field, sealed)] += 1
        audit(by=SYSTEM, action="secrets.rotated", changes={name: [None, n] for name, n in said.items()})
        text = "{rotated} secrets were closed anew, {current} were already, {unreadable} cannot be opened."
        self.stdout.write(json.dumps(said) if options["json"] else text.format(**said))
        if said["unreadable"]:
            raise CommandError("No key opens some of them: was a former key taken out of WEBHOOK_SECRET_KEY?")


def _rotate(rows: QuerySet[Any], pk: Any, field: str, sealed: str) -> str:
    """What became of one; a value that somebody changed meanwhile was closed with today's key by them."""
    try:
        anew = reseal(sealed)
    except InvalidToken:
        return "unreadable"
    if anew == sealed:
        return "current"
    rows.filter(pk=pk, **{field: sealed}).update(**{field: anew})
    return "rotated"

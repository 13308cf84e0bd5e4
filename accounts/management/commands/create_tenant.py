"""A new tenant from the command line."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.errors import AppError
from accounts.management.base import PlainCommand
from accounts.models import User
from accounts.principals import SYSTEM
from accounts.services.tenants import tenant_create


class Command(PlainCommand):
    help = (
        "Create a tenant, perhaps with an owner who has an account already.\n\n"
        "Examples:\n"
        "  manage.py create_tenant acme --name 'Acme Ltd'\n"
        "  manage.py create_tenant acme --currency EUR --timezone Europe/Berlin --owner ada@acme.test\n"
        "  manage.py create_tenant acme --json | jq -r .id\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="short name in addresses and headers: letters, digits, hyphens")
        parser.add_argument("--name", help="full name; default: the slug")
        parser.add_argument("--currency", default="USD", help="ISO 4217 code; default: USD")
        parser.add_argument("--timezone", default="UTC", help="IANA time zone; default: UTC")
        parser.add_argument("--owner", metavar="EMAIL", help="an account that becomes its owner")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(email__iexact=options["owner"]).first() if options["owner"] else None
        if options["owner"] and owner is None:
            raise CommandError(f"There is no account {options['owner']}.")
        try:
            tenant = tenant_create(
                by=SYSTEM,
                slug=options["slug"],
                name=options["name"] or options["slug"],
                currency=options["currency"],
                timezone=options["timezone"],
                owner=owner,
            )
        except AppError as error:
            raise CommandError(error.message) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        said = {"id": str(tenant.pk), "slug": tenant.slug, "name": tenant.name}
        self.stdout.write(json.dumps(said) if options["json"] else f"Tenant {tenant.slug}: {tenant.pk}")

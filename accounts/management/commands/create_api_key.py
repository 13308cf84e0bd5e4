"""A new API key from the command line."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.errors import AppError
from accounts.management.base import PlainCommand
from accounts.models import Scope
from accounts.principals import SYSTEM, find_tenant
from accounts.services.keys import api_key_create


class Command(PlainCommand):
    help = (
        "Create an API key of a tenant. The key is printed now and can never be shown again.\n\n"
        "Examples:\n"
        "  manage.py create_api_key acme\n"
        "  manage.py create_api_key acme --name gateway --scopes ingest --expires-in-days 90\n"
        "  KEY=$(manage.py create_api_key acme --scopes read,build --json | jq -r .key)\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="slug or UUID")
        parser.add_argument("--name", default="Command line", help="what it is for")
        parser.add_argument(
            "--scopes",
            default="write",
            help=f"comma-separated, of: {', '.join(Scope.values)}; default: write",
        )
        parser.add_argument("--expires-in-days", type=int, metavar="N", help="default: never")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no active tenant {options['tenant']}; see manage.py create_tenant.")
        days = options["expires_in_days"]
        try:
            key, text = api_key_create(
                by=SYSTEM,
                tenant=tenant,
                name=options["name"],
                scopes=options["scopes"].split(","),
                expires_at=timezone.now() + timedelta(days=days) if days is not None else None,
            )
        except AppError as error:
            raise CommandError(error.message) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        said = {"id": str(key.pk), "tenant": tenant.slug, "scopes": key.scopes, "key": text}
        self.stdout.write(json.dumps(said) if options["json"] else text)

"""Tenants, people, keys, a month of usage, image builds and bills for a development machine."""

from typing import Any, Final

from django.conf import settings
from django.core.management.base import CommandError

from accounts.demo import DEMO_API_KEYS, DEMO_PEOPLE, demo_accounts_load
from accounts.management.base import PlainCommand
from accounts.models import Tenant
from builds.demo import demo_builds_load, demo_platform_add
from gcore.demo import demo_clients_map
from inventory.demo import demo_costs_load
from usage.demo import demo_bill_make, demo_definitions_make, events_store

EVENTS: Final = {"demo-tenant": 2000, "dev": 60}  # test-tenant stays empty: the first run is to be seen


class Command(PlainCommand):
    help = (
        "Load the demo tenants, people, keys, usage events, builds and bills. A second run adds nothing.\n\n"
        "Examples:\n"
        "  ENVIRONMENT=development python manage.py load_demo\n"
        "  ENVIRONMENT=development python manage.py load_demo --verbosity 0   (says nothing)\n"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT != "development":
            raise CommandError(
                "Demo data has well-known passwords and keys; load it with ENVIRONMENT=development only"
                f" (this is {settings.ENVIRONMENT})."
            )
        tenants = demo_accounts_load()
        if settings.GCORE_SIMULATED:  # at the real one these numbers are somebody's
            demo_clients_map(tenants)
        demo_platform_add(tenants["dev"])
        added = self._events(tenants)
        builds = sum(demo_builds_load(tenant=tenants[slug]) for slug in EVENTS)
        demo_definitions_make(tenant=tenants["demo-tenant"])
        demo_bill_make(tenant=tenants["demo-tenant"])
        rows = demo_costs_load(tenant=tenants["demo-tenant"])
        if options["verbosity"]:
            self._report(added, builds, rows)

    def _events(self, tenants: dict[str, Tenant]) -> int:
        """Store the events, with a bar on a terminal; how many were added."""
        done, added, total = 0, 0, sum(EVENTS.values())
        for slug, count in EVENTS.items():
            for held, new in events_store(tenant=tenants[slug], count=count):
                done, added = done + held, added + new
                if self.stdout.isatty():
                    bar = "#" * (30 * done // total)
                    self.stdout.write(f"\rUsage events [{bar:<30}] {done}/{total}", ending="")
        if self.stdout.isatty():
            self.stdout.write("")
        return added

    def _report(self, added: int, builds: int, rows: int) -> None:
        told = (
            f"Demo data is in place; {added} events were added, {builds} builds, {rows} rows of bills and"
            " resources."
        )
        self.stdout.write(self.style.SUCCESS(told))
        for person in DEMO_PEOPLE:
            name = person.username or person.email
            self.stdout.write(f"  sign in  {name:<22} {person.password}")
        for key in DEMO_API_KEYS:
            self.stdout.write(f"  API key  {key.key:<22} {key.scope} in {key.tenant}")

"""What the commands that import files have in common."""

import json
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, ClassVar, Final

from django.core.management.base import CommandError

from accounts.errors import AppError
from accounts.exact import canonical
from accounts.management.base import PlainCommand
from accounts.management.progress import Bar
from accounts.models import Tenant
from accounts.principals import SYSTEM, Principal, find_tenant
from accounts.row_security import as_tenant
from inventory.models import Import
from inventory.services.imports import (
    import_check,
    import_confirm,
    import_discard,
    import_map,
    import_missing,
    import_receive,
)

SHOWN: Final = 20
COUNTS: Final = ("rows", "inserted", "updated", "unchanged", "removed", "rejected")
SETTINGS: Final = ("provider", "currency", "date_order")
State = Import.State


class ImportCommand(PlainCommand):
    kind: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, XLSX or JSON, each also gzipped")
        parser.add_argument("--tenant", required=True, help="slug or UUID; whose rows they are")
        parser.add_argument("--source", default="", help="who tells; a file replaces what its source told")
        parser.add_argument("--profile", default="", help="a mapping profile; default: the header decides")
        parser.add_argument("--provider", help="of rows that name none")
        parser.add_argument("--currency", help="of rows that name none; default: the tenant's")
        parser.add_argument("--date-order", choices=["mdy", "dmy"], help="of dates such as 3/4/26")
        parser.add_argument(
            "--dry-run", action="store_true", help="tell what would change, and change nothing"
        )
        parser.add_argument(
            "--partial", action="store_true", help="import the good rows though others are bad"
        )
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="write the bad rows there")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        if tenant is None:
            raise CommandError(f"There is no active tenant {options['tenant']!r}.")
        try:
            with as_tenant(tenant):
                self._work(tenant, options)
        except AppError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{options['file']}: {error}") from error

    def _work(self, tenant: Tenant, options: dict[str, Any]) -> None:
        by = SYSTEM.enter(str(tenant.pk))
        with options["file"].open("rb") as file:
            run, _ = import_receive(
                by=by, tenant=tenant, kind=self.kind, file=file, name=options["file"].name,
                source=options["source"], profile=options["profile"],
            )  # fmt: skip
        if run.state == State.APPLIED:
            self._report(run, options, f"This file was imported on {run.applied_at:%Y-%m-%d %H:%M}.")
            return
        run = self._checked(by, run, options)
        if options["rejects"] and run.rejects:
            with run.rejects.open("rb") as refused, options["rejects"].open("wb") as out:
                shutil.copyfileobj(refused, out)
        refused_all = run.rejected and not options["partial"]
        if options["dry_run"] or refused_all or run.state == State.FAILED:
            self._report(run, options, "Nothing was changed.")
            import_discard(by=by, run=run)
        else:
            run = import_confirm(by=by, run=run)
            self._report(run, options, "Imported.")
        if run.state == State.FAILED:
            raise CommandError(run.message)
        if run.rejected:
            raise CommandError(f"{run.rejected} of {run.rows} rows are bad.")

    def _checked(self, by: Principal, run: Import, options: dict[str, Any]) -> Import:
        changes = {name: options[name] for name in SETTINGS if options[name]}
        if changes:
            run = import_map(by=by, run=run, changes=changes)
        lacking = import_missing(run)
        if lacking:
            import_discard(by=by, run=run)
            raise CommandError(
                f"The file has no {', '.join(lacking)}. Save a mapping profile that says them."
            )
        bar = Bar(self.stderr, run.file_name[:30], 100)
        run = import_check(by=by, run=run, watch=lambda rows, part: bar.to(min(int(100 * part), 100)))
        bar.close()
        return run

    def _report(self, run: Import, options: dict[str, Any], outcome: str) -> None:
        totals = {currency: canonical(total) for currency, total in run.totals.items()}
        counts = {name: getattr(run, name) for name in COUNTS}
        if options["json"]:
            told = {"id": str(run.pk), "state": run.state, "layout": run.layout.get("name"), **counts}
            more = {"totals": totals, "warnings": run.warnings, "errors": run.errors, "message": outcome}
            self.stdout.write(json.dumps({**told, **more}))
            return
        for error in run.errors[:SHOWN]:
            self.stderr.write(f"row {error['row']}: {error['field']}: {error['message']}")
        for warning in run.warnings:
            self.stderr.write(f"{warning['message']} ({warning['count']})")
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in counts.items()))
        sums = [f"{total} {currency}" for currency, total in totals.items()]
        self.stdout.write("\n".join([*sums, outcome]))

"""`manage.py send_events`: a file of events into this ledger, or into another one over HTTP."""

import json
import sys
import time
import zlib
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.core.management.base import CommandError

from accounts.errors import AppError, ValidationFailed
from accounts.management.base import PlainCommand
from accounts.models import Tenant
from accounts.principals import SYSTEM, find_tenant, is_named
from accounts.wire import encode
from skyledger_client import Client, DeliveryFailed
from usage import intake
from usage.event_files import REFUSED_KEY, EventFile, Line
from usage.service_types import Problem
from usage.services.events import batch_accept

SHOWN: Final = 20
QUIET_SECONDS: Final = 2.0
BAR_SECONDS: Final = 0.2
Event = dict[str, Any]
# Sends a batch: the status of each event that was taken, and the index and reason of each that was not.
Send = Callable[[list[Event]], tuple[list[str], dict[int, str]]]


class Command(PlainCommand):
    help = (
        "Send the events of a file: CSV with a header row (metrics.tokens is `tokens` inside `metrics`) or\n"
        "JSON lines. With --url through the API of a Skyledger, else straight into this installation.\n\n"
        "A line without event_id gets one of the file's content and its own number, and a line without\n"
        "timestamp the time of the file, so that a file may be sent again: what is stored counts once.\n"
        "Bad lines are told and harm no others; --errors keeps them, to be put right and sent. Exit code 1:\n"
        "some were refused.\n\n"
        "Examples:\n"
        "  manage.py send_events usage.csv --tenant acme --dry-run\n"
        "  manage.py send_events march.jsonl.gz --tenant acme --errors bad.jsonl\n"
        "  manage.py send_events usage.csv --url https://sky.example.com --key sky_… --tenant acme --json\n"
        "  zcat old/*.jsonl.gz | manage.py send_events - --tenant acme\n"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help=".csv, .jsonl or .ndjson, each also with .gz; - reads JSON lines")
        parser.add_argument("--tenant", help="slug or UUID; whose the events are that do not say")
        parser.add_argument("--url", help="the Skyledger to send to; default: this one")
        parser.add_argument("--key", help="an API key there that may send events")
        parser.add_argument("--errors", metavar="FILE", help="write the refused lines there, as JSON lines")
        parser.add_argument("--dry-run", action="store_true", help="check every line and send nothing")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(EventFile(options["file"]))
                errors = stack.enter_context(Path(options["errors"]).open("w")) if options["errors"] else None
            except (OSError, EOFError, zlib.error, ValueError) as error:
                raise CommandError(f"{options['file']}: {error}") from error
            run = Run(file, self._tenant(options), self._send(stack, options), errors, self.stderr)
            run.work(progress=sys.stderr.isatty())
        self._report(run, options)

    def _tenant(self, options: dict[str, Any]) -> Tenant | str | None:
        if options["url"]:
            return str(options["tenant"]) if options["tenant"] else None
        tenant = find_tenant(options["tenant"]) if options["tenant"] else None
        if tenant is None:
            raise CommandError("Name a tenant of this installation with --tenant, or another one with --url.")
        return tenant

    def _send(self, stack: ExitStack, options: dict[str, Any]) -> Send:
        if options["dry_run"]:
            return lambda events: (["checked"] * len(events), {})
        if not options["url"]:
            return send_here
        if not options["key"]:
            raise CommandError("--url needs --key.")
        client = stack.enter_context(Client(options["url"], options["key"]))
        return lambda events: send_there(client, events)

    def _report(self, run: "Run", options: dict[str, Any]) -> None:
        counts = {"lines": run.lines, "refused": run.refused, **run.statuses}
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write(", ".join(f"{name}: {count}" for name, count in counts.items()))
        if run.refused:
            hidden = run.refused - SHOWN
            more = f" ({hidden} more than shown; --errors FILE writes them all)" if hidden > 0 else ""
            raise CommandError(f"{run.refused} of {run.lines} lines were refused{more}.")


class Run:
    """One file on its way: what it held, and what became of it."""

    def __init__(
        self, file: EventFile, tenant: Tenant | str | None, send: Send, errors: IO[str] | None, screen: Any
    ) -> None:
        self.file = file
        self.tenant = tenant
        self.send = send
        self.errors = errors
        self.screen = screen
        self.lines = 0
        self.refused = 0
        self.statuses: Counter[str] = Counter()
        self._bar = False
        self._batch: list[tuple[Line, Event]] = []
        self._moment = datetime.fromtimestamp(file.modified, UTC).isoformat()

    def work(self, *, progress: bool) -> None:
        due = time.monotonic() + QUIET_SECONDS
        for line in self.file.lines():
            self.lines += 1
            self._take(line)
            if len(self._batch) == settings.MAX_BATCH_SIZE:
                self._flush()
            if progress and time.monotonic() >= due:
                due = time.monotonic() + BAR_SECONDS
                self._show_bar()
        self._flush()
        if self._bar:
            self.screen.write("")

    def _take(self, line: Line) -> None:
        event = self._completed(line)
        try:
            if line.problem is not None:
                raise line.problem
            intake.take_one(encode(event), self._admit)
        except Problem as problem:
            self._refuse(line, event, problem.field, problem.message)
        except AppError as error:
            first = error.errors[0] if error.errors else {"field": "", "message": error.message}
            self._refuse(line, event, str(first["field"]), str(first["message"]))
        else:
            self._batch.append((line, event))

    def _completed(self, line: Line) -> Event:
        """The event with what the line left out; the same each time the file is sent."""
        made = {"event_id": f"{self.file.digest[:24]}-{line.number:09}", "timestamp": self._moment}
        if self.tenant is not None:
            made["tenant_id"] = self.tenant if isinstance(self.tenant, str) else self.tenant.slug
        given = {name: value for name, value in (line.event or {}).items() if value is not None}
        return made | given

    def _admit(self, name: str) -> Tenant:
        if not isinstance(self.tenant, Tenant):
            return Tenant(slug=name)  # the service there knows its tenants
        if not is_named(self.tenant, name):
            raise Problem("tenant_id", f"it must be {self.tenant.slug}, the tenant of this run")
        return self.tenant

    def _flush(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        try:
            statuses, reasons = self.send([event for _, event in batch])
        except DeliveryFailed as failed:
            reason = next(failure.reason for failure in failed.failures if not failure.refused)
            raise CommandError(
                f"Stopped: {reason} All before line {batch[0][0].number} is sent;"
                " send the same file again, and what is stored counts once."
            ) from failed
        self.statuses.update(statuses)
        for index, reason in reasons.items():
            self._refuse(*batch[index], "", reason)

    def _refuse(self, line: Line, event: Event, field: str, message: str) -> None:
        self.refused += 1
        if self.refused <= SHOWN:
            self.screen.write(f"line {line.number}: {f'{field}: ' if field else ''}{message}")
        if self.errors is not None:
            why: Event = {"line": line.number, "field": field, "message": message}
            if line.event is None:
                why["text"] = line.text
            self.errors.write(encode({REFUSED_KEY: why, **event}).decode() + "\n")

    def _show_bar(self) -> None:
        self._bar = True
        done = self.file.position / max(self.file.size, 1)
        self.screen.write(f"\r[{'#' * int(30 * done):<30}] {done:4.0%}  {self.lines} lines ", ending="")
        self.screen.flush()


def send_here(events: list[Event]) -> tuple[list[str], dict[int, str]]:
    try:
        answer = batch_accept(by=SYSTEM, body=encode({"events": events}))
    except ValidationFailed as error:
        answer = {"results": [], "failed_events": [], **error.extra}
    failed = {item["index"]: str(item["error"]) for item in answer["failed_events"]}
    return [result["status"] for result in answer["results"]], failed


def send_there(client: Client, events: list[Event]) -> tuple[list[str], dict[int, str]]:
    """Errors: DeliveryFailed when an event could not be delivered, as opposed to being refused."""
    try:
        return [receipt["status"] for receipt in client.send_batch(events)], {}
    except DeliveryFailed as failed:
        if not all(failure.refused for failure in failed.failures):
            raise
        places = {event["event_id"]: index for index, event in enumerate(events)}
        reasons = {places[failure.event["event_id"]]: failure.reason for failure in failed.failures}
        return [receipt["status"] for receipt in failed.receipts], reasons

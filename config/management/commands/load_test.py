"""`manage.py load_test`: how fast an installation answers, and whether one tenant slows another."""

import http.client
import json
import multiprocessing
import re
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.management.base import CommandError

from accounts.management.base import PlainCommand
from config.loadtest.calls import Call, Caller
from config.loadtest.figures import Fairness, Figures, by_call, by_second, figures
from config.loadtest.page import page
from config.loadtest.sending import Sample, Target, flood, measure

LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
MOST: Final = {"seconds": 900, "connections": 256, "rate": 10_000}
TIMES: Final = 10
TOLERANCE_PERCENT: Final = 20
STARTING_SECONDS: Final = 2.0
KINDS: Final = {"platform": "/platforms", "os_version": "/os_versions", "image_type": "/image_types"}


class Command(PlainCommand):
    help = (
        "Send a mix of the platform's own calls as one tenant: events alone and in batches, reads of usage,\n"
        "builds and their states, lists of resources, sums of costs. The report is one HTML file. What it\n"
        "sends stays in the tenant (service_type load_test): give it a tenant of its own.\n\n"
        "With --greedy-tenant it measures twice, the second time while that other tenant sends ten times\n"
        "what it may, and says how far the p99 moved. Exit code 1: there were errors, or it moved by more\n"
        "than 20 %.\n\n"
        "Examples:\n"
        "  manage.py load_test --tenant load --key sky_… --seconds 60\n"
        "  manage.py load_test --tenant load --key sky_… --rate 50 --json\n"
        "  manage.py load_test --tenant load --key sky_… --rate 8 --greedy-tenant other --greedy-key sky_…\n"
        "  manage.py load_test --url https://staging.example.com --host-is-ours staging.example.com …\n"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="default: %(default)s")
        parser.add_argument("--host-is-ours", default="", metavar="HOST", help="say the host of --url again")
        parser.add_argument("--tenant", required=True, help="slug of the tenant that the key belongs to")
        parser.add_argument("--key", required=True, help="an API key with the scope write")
        parser.add_argument("--seconds", type=int, default=10, help="1 to 900, default: %(default)s")
        parser.add_argument("--connections", type=int, default=8, help="1 to 256, default: %(default)s")
        parser.add_argument(
            "--rate", type=int, default=0, help="calls a second; default: as many as it takes"
        )
        parser.add_argument("--seed", type=int, default=1, help="decides which calls are sent")
        parser.add_argument("--greedy-tenant", default="", help="slug of a tenant that sends far too much")
        parser.add_argument("--greedy-key", default="", help="an API key of that tenant")
        parser.add_argument("--report", default="load-test.html", help="default: %(default)s")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        asked = {name: options[name] for name in ("url", "seconds", "connections", "rate", "seed")}
        asked["started"] = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        target = Target(options["url"], options["key"])
        caller = Caller(options["tenant"], _lines(target), options["seed"])
        samples = self._measured(target, caller, options)
        total = figures("All", samples, options["seconds"])
        calls = by_call(samples, options["seconds"])
        fairness = self._fairness(target, caller, total, options) if options["greedy_key"] else None
        seconds = by_second(samples, options["seconds"])
        text = page(asked=asked, total=total, calls=calls, seconds=seconds, fairness=fairness)
        Path(options["report"]).write_text(text)
        self._tell(asked, [*calls, total], fairness, options)
        unfair = fairness and (fairness.beside.errors or fairness.moved_percent > TOLERANCE_PERCENT)
        if total.errors or unfair:
            raise SystemExit(1)

    def _measured(self, target: Target, caller: Caller, options: Mapping[str, Any]) -> list[Sample]:
        sized = {name: options[name] for name in ("seconds", "connections", "rate")}
        return measure(target, caller, **sized)

    def _fairness(
        self, target: Target, caller: Caller, alone: Figures, options: Mapping[str, Any]
    ) -> Fairness:
        greedy = Target(options["url"], options["greedy_key"])
        limit, window = _limit(greedy)
        rate = round(TIMES * limit / window, 1)
        other = Caller(options["greedy_tenant"], {}, options["seed"])
        # What it may send in a window is let in at once; only then is it beyond its limit.
        settling = STARTING_SECONDS + window / TIMES
        with _flooding(greedy, other, rate, settling + options["seconds"]):
            time.sleep(settling)
            samples = self._measured(target, caller, options)
        return Fairness(alone, figures("Beside", samples, options["seconds"]), rate)

    def _tell(
        self,
        asked: dict[str, Any],
        rows: list[Figures],
        fairness: Fairness | None,
        options: Mapping[str, Any],
    ) -> None:
        if options["json"]:
            told: dict[str, Any] = {
                **asked,
                "calls": [row._asdict() for row in rows],
                "report": options["report"],
            }
            told["fairness"] = fairness.document() if fairness else None
            self.stdout.write(json.dumps(told))
            return
        for row in rows:
            self.stdout.write(
                f"{row.name:<26} {row.sent:>8} calls {row.rate:>8}/s   p50 {row.p50:>7}   p95 {row.p95:>7}"
                f"   p99 {row.p99:>7} ms   {row.errors} errors, {row.limited} over the limit"
            )
        if fairness:
            self.stdout.write(
                f"Beside {options['greedy_tenant']} at {fairness.greedy_rate} calls a second the p99 moved by"
                f" {fairness.moved_percent} %: from {fairness.alone.p99} to {fairness.beside.p99} ms."
            )
        self.stdout.write(f"The report is in {options['report']}.")


def _check(options: Mapping[str, Any]) -> None:
    parts = urlsplit(options["url"])
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CommandError("--url must begin with http:// or https:// and a host.")
    if parts.hostname not in LOOPBACK and parts.hostname != options["host_is_ours"]:
        raise CommandError(
            f"{parts.hostname} is not this machine. If it is yours to put under load, say so:"
            f" --host-is-ours {parts.hostname}"
        )
    for name, most in MOST.items():
        least = 0 if name == "rate" else 1
        if not least <= options[name] <= most:
            raise CommandError(f"--{name} must be from {least} to {most}.")
    if bool(options["greedy_key"]) != bool(options["greedy_tenant"]):
        raise CommandError("--greedy-tenant and --greedy-key are given together or not at all.")


def _ask(target: Target, path: str) -> tuple[Any, http.client.HTTPMessage]:
    connection = target.connect()
    try:
        status, body, headers = target.send(connection, Call(path, "GET", path))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CommandError(f"{target.url} does not answer as a Skyledger does: {error}") from error
    finally:
        connection.close()
    if status != 200:
        raise CommandError(f"GET {path} was answered {status}: {body.get('message', body)}")
    return body, headers


def _lines(target: Target) -> dict[str, str]:
    """A platform, OS and image that builds can name; nothing when the tenant lacks one."""
    found = {name: _ask(target, path)[0] for name, path in KINDS.items()}
    rows = {name: body["items"] if isinstance(body, dict) else body for name, body in found.items()}
    return {name: each[0]["slug"] for name, each in rows.items()} if all(rows.values()) else {}


def _limit(target: Target) -> tuple[int, int]:
    """How many calls a key may make in how many seconds, as the answers tell it."""
    _, headers = _ask(target, "/quota")
    told = re.search(r";q=(\d+);w=(\d+)", headers.get("RateLimit-Policy", ""))
    if told is None:
        raise CommandError("The greedy key has no limit that its answers tell.")
    return int(told[1]), int(told[2])


@contextmanager
def _flooding(target: Target, caller: Caller, rate: float, seconds: float) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")
    ended = context.Event()
    process = context.Process(
        target=flood, args=(target, caller.tenant, caller.seed, rate, 2 * seconds, ended)
    )
    process.start()
    try:
        yield
    finally:
        ended.set()
        process.join()

"""A stack of its own, two tenants at work on it, and a look at all that is left in the end."""

import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from config.loadtest.figures import failures, figures
from config.loadtest.sending import Sample, Target, measure
from deploy.local import settings
from deploy.local.picture import ROOT
from deploy.local.stack import DATABASE, Stack
from gcore.simulator import PASSWORD, USERNAME, Simulator
from tests.endurance import memory
from tests.endurance.checks import asker, differences, differences_in_chores, differences_in_sums
from tests.endurance.chores import CLIENT, Bills, Chore, Listener, Reports
from tests.endurance.kills import ORDER, Watch, eventually, is_well, phases
from tests.endurance.ledger import Books
from tests.endurance.outcome import Outcome
from tests.servers.process import free_port

TENANTS: Final = ("acme", "rival")
LINES: Final = {"platform": "aws-commercial", "os_version": "rhel-8.8", "image_type": "base"}
CONNECTIONS: Final = 8  # of each tenant; more than are needed, as many wait while something is away
LONGEST_SECONDS: Final = 3600.0  # beyond what was asked for
LOOK_SECONDS: Final = 0.25
MEMORY_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 240.0
MAPPING: Final = """
from accounts.models import Tenant
from accounts.principals import SYSTEM
from gcore.services.accounts import account_default
from gcore.services.mappings import mapping_create
for slug in {tenants}:
    tenant = Tenant.objects.get(slug=slug)
    mapping_create(by=SYSTEM, tenant=tenant, account=account_default(), client_id="{client}")
"""


class Run:
    """So many seconds at `rate` calls a second, of both tenants together; `directory` is thrown away.

    It lasts longer when by then not all is well after the last kill.
    """

    def __init__(self, directory: Path, seconds: float, rate: float, *, kills: bool) -> None:
        self.seconds, self.rate = seconds, rate
        self.keys = {tenant: secrets.token_urlsafe(32) for tenant in TENANTS}
        self.gcore = Simulator()
        self._configure(directory / ".env")
        self.stack = Stack(directory, free_port(), lambda line: print(line, flush=True))
        self.watch = Watch(self.stack, ORDER if kills else (), seconds)
        url = f"http://127.0.0.1:{self.stack.nginx.port}"
        self.targets = {tenant: Target(url, key) for tenant, key in self.keys.items()}
        self.books = [
            Books(tenant, LINES, seed, name=f"endurance-{tenant}") for seed, tenant in enumerate(TENANTS)
        ]
        first = TENANTS[0]
        self.bills = Bills(self.targets[first], first)
        self.reports = Reports(self.targets[first], first)
        self.listener = Listener(self.targets[first], first)
        self.memory: list[memory.Sample] = []
        self.given_up = threading.Event()

    def _configure(self, file: Path) -> None:
        given = settings.kept(file) | {
            "API_KEYS": ",".join(f"{key}:{tenant}:admin" for tenant, key in self.keys.items()),
            "GCORE_API_BASE": self.gcore.url,
            "GCORE_USERNAME": USERNAME,
            "GCORE_PASSWORD": PASSWORD,
            "LOG_LEVEL": "ERROR",
            # Counted in full, but out of reach.
            "RATE_LIMIT_API_KEY": "1000000",
            "RATE_LIMIT_TENANT": "1000000",
        }
        file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))

    def whole(self) -> Outcome:
        with self.gcore, self._running():
            samples = self._under_load()
            wrong = list(self._drained())
            wrong += self._differences()
        counted = Counter(
            {
                "events": sum(len(books.events) for books in self.books),
                "builds": sum(len(books.builds) for books in self.books),
                "states of builds": sum(
                    len(codes) for books in self.books for codes in books.builds.values()
                ),
                "days of costs": len(self.bills.days),
                "reports": len(self.reports.asked),
                "messages heard": len(self.listener.heard),
            }
        )
        return Outcome(
            self.lasted,
            figures("All", samples, self.lasted),
            list(phases(self.watch.kills, samples, self.lasted)),
            failures([*samples, *self.bills.failed, *self.reports.failed, *self.listener.failed]),
            self.watch.kills,
            memory.trends(self.memory),
            counted,
            wrong,
        )

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            self.stack.start()
            script = MAPPING.format(tenants=TENANTS, client=CLIENT)
            command = [sys.executable, "manage.py", "shell", "-v0", "-c", script]
            subprocess.run(command, cwd=ROOT, env=self.stack.environment, check=True)
            yield
        finally:
            self.stack.stop()

    def _under_load(self) -> list[Sample]:
        chores: list[Chore] = [self.bills, self.reports, self.listener]
        self.start = time.monotonic()
        with ThreadPoolExecutor(len(self.books)) as pool:
            try:
                loads = [pool.submit(self._load, books) for books in self.books]
                for chore in chores:
                    chore.start()
                while not all(load.done() for load in loads):
                    self._look()
            finally:  # also after Ctrl-C, or they would send for another hour
                self.given_up.set()
        self.lasted = time.monotonic() - self.start
        for chore in (self.bills, self.reports):
            chore.ended.set()
            chore.join()
        return sorted(sample for load in loads for sample in load.result())

    def _load(self, books: Books) -> list[Sample]:
        return measure(
            self.targets[books.tenant],
            books,
            seconds=self.seconds + LONGEST_SECONDS,
            connections=CONNECTIONS,
            rate=self.rate / len(self.books),
            ended=self._has_ended,
        )

    def _has_ended(self) -> bool:
        return self.given_up.is_set() or (self.watch.done and time.monotonic() >= self.start + self.seconds)

    def _look(self) -> None:
        self.watch.look(self.start)
        now = time.monotonic() - self.start
        if not self.memory or now - self.memory[-1].at >= MEMORY_SECONDS:
            servers = [*self.stack.programs, self.stack.redis, self.stack.postgres, self.stack.nginx]
            self.memory += memory.measured(servers, self.start)
        time.sleep(LOOK_SECONDS)

    def _drained(self) -> Iterator[str]:
        """Repeat what is left to repeat, and wait until nobody has anything to do any more."""
        for books in self.books:
            if not books.finish(self.targets[books.tenant]):
                yield f"{books.tenant}: some calls are not answered though all runs"
        if not eventually(lambda: is_well(self.stack), DRAIN_SECONDS):
            yield "not all is well in the end"
        if not eventually(self._is_quiet, DRAIN_SECONDS):
            yield "sums wait to be made, or reports to be fetched"
        self.listener.ended.set()
        self.listener.join()

    def _is_quiet(self) -> bool:
        marks, running, last = self._ask(
            "SELECT (SELECT count(*) FROM usage_dirtyhour), (SELECT count(*) FROM gcore_reportjob"
            " WHERE state IN ('requested', 'queued', 'generating', 'downloading')),"
            " (SELECT max(seq) FROM accounts_activityentry a JOIN accounts_tenant t ON t.id = a.tenant_id"
            f" WHERE t.slug = '{self.listener.tenant}')"
        )[0]
        return not marks and not running and self.listener.heard[-1:] == [last]

    def _ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return asker(self.stack.postgres.url.removesuffix("postgres") + DATABASE)(statement, *values)

    def _differences(self) -> Iterator[str]:
        for books in self.books:
            yield from differences(self._ask, books, self.targets[books.tenant])
        yield from differences_in_chores(self._ask, self.bills, self.reports, self.listener)
        yield from differences_in_sums(self._ask)

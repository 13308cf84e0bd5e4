"""How soon pages open: `python -m bench.pages`; `--only admin` or `--only /console/costs` asks for some.

Starts PostgreSQL (fsync on) and Redis of its own, fills them with a hundred times the demo data
(bench.pages_fill), and asks for each list of the back office and each page of the console, one after the
other, over HTTP from granian with two workers. Everything shares this machine's processors, the client too;
the processor time of the granian that answers, in ms for each page, says what a busy machine hides.
`--base http://localhost:8000` asks a server that is there and filled by bench.pages_fill already.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import requests

from bench.stack import ROOT, Stack, django, running
from tests.chromium.driving import OWNER, PASSWORD
from tests.console_pages import ONES, PAGES, first_thing
from tests.servers.process import free_port

ROUNDS: Final = 5
GOAL: Final = 300  # milliseconds, at the median
TIMEOUT: Final = 60
LIST: Final = re.compile(r'<a href="(/admin/\w+/\w+/)"')
LINK: Final = re.compile(r'<a [^>]*href="([^"?#]+)')
TOKEN: Final = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Timed(NamedTuple):
    path: str
    median: float
    slowest: float
    cpu: float
    size: int

    def __str__(self) -> str:
        verdict = "ok" if self.median <= GOAL else "MISSED"
        took = f"{self.median:8.0f} ms  at most {self.slowest:6.0f}  processor {self.cpu:5.0f}"
        return f"{took}  {self.size / 1024:6.0f} KiB  {verdict:6}  {self.path}"


class Reader:
    """Somebody signed in."""

    def __init__(self, base: str, account: str, password: str) -> None:
        self.base = base
        self.session = requests.Session()
        form = TOKEN.search(self.get("/console/sign-in").text)
        assert form
        said = {"csrfmiddlewaretoken": form[1], "account": account, "password": password}
        self.session.post(f"{base}/console/sign-in", said, timeout=TIMEOUT).raise_for_status()

    def get(self, path: str) -> requests.Response:
        answer = self.session.get(self.base + path, timeout=TIMEOUT)
        if not answer.ok:
            raise SystemExit(f"{path} answered {answer.status_code}: {answer.text[:500]}")
        return answer

    def timed(self, path: str, cpu_seconds: Callable[[], float]) -> Timed:
        """The median of some answers, after one that nobody measures, and the server's own time for each."""
        size, took, used = len(self.get(path).content), [], cpu_seconds()
        for _ in range(ROUNDS):
            started = time.perf_counter()
            self.get(path)
            took.append(1000 * (time.perf_counter() - started))
        cpu = 1000 * (cpu_seconds() - used) / ROUNDS
        return Timed(path, statistics.median(took), max(took), cpu, size)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="a part of the addresses that are asked")
    parser.add_argument("--base", default="", help="ask this server")
    options = parser.parse_args()
    if options.base:
        walk(options.base, options.only)
    else:
        measure(options.only)


def measure(only: str) -> None:
    stack = Stack()
    stack.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            stack.env |= {"VAR_DIR": folder, "LOG_LEVEL": "ERROR"}
            fill(stack)
            port = free_port()
            server = django(stack, port)
            with running(server):
                walk(f"http://127.0.0.1:{port}", only, server.cpu_seconds)
    finally:
        stack.stop()


def fill(stack: Stack) -> None:
    started = time.monotonic()
    command = [sys.executable, "-m", "bench.pages_fill"]
    subprocess.run(command, cwd=ROOT, env=stack.env, check=True)
    print(f"filled in {time.monotonic() - started:,.0f} s", flush=True)


def walk(base: str, only: str, cpu_seconds: Callable[[], float] = float) -> None:
    """The pages in the order of the menus; last how many were too slow."""
    found = []
    for reader, path in pages(base):
        if only in path:
            found.append(reader.timed(path, cpu_seconds))
            print(found[-1], flush=True)
    missed = sum(one.median > GOAL for one in found)
    print(
        f"{len(found)} pages, goal {GOAL} ms each: {missed} missed" if missed else f"{len(found)} pages: ok"
    )


def pages(base: str) -> Iterator[tuple[Reader, str]]:
    staff = Reader(base, "admin", "admin123")
    index = staff.get("/admin/").text
    for path in ["/admin/", *dict.fromkeys(LIST.findall(index))]:
        yield staff, path
    owner = Reader(base, OWNER, PASSWORD)
    for path in PAGES:
        yield owner, f"/console{path}"
    for listed, *steps in ONES.values():
        at: str | None = f"/console{listed}"
        for begins in steps:
            at = at and first_thing(LINK.findall(owner.get(at).text), at, begins)
        if at:
            yield owner, at


if __name__ == "__main__":
    main()

"""How fast builds are looked at and reported on: `python -m bench.builds --builds 100000`.

Starts PostgreSQL (fsync on) and Redis of its own, loads the builds of bench.fleet, asks for what people look
at, and then sends state reports over HTTP to granian with two workers. Everything shares this machine's
processors, the load included, so ratios carry over to other machines and rates do not.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import psycopg

from bench.load import Load, run_wrk
from bench.stack import KEY, TENANT, Stack, lane, running
from bench.usage import in_django
from tests.servers.process import free_port

LOAD: Final = "from bench.fleet import load; import uuid; load(uuid.UUID('{tenant}'), {builds})"
ASK: Final = "from bench.builds import ask_all; ask_all('{tenant}', '{key}')"
CONNECTIONS: Final = 8
WARM_UP: Final = 4  # seconds
GOAL: Final = 300  # state reports per second on two cores
# What is open, with the codes that lie before it; each gets its first before any its second.
REPORTS: Final = """
SELECT build.id, code FROM builds_build build, generate_series(5, 95, 5) code
WHERE build.status IN ('pending', 'in_progress') AND code > build.state_code
ORDER BY row_number() OVER (PARTITION BY build.id ORDER BY code), build.id
"""
SCRIPT: Final = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = "{key}"
local reports = {{}}
for line in io.lines("{file}") do reports[#reports + 1] = line end
local sent = 0
request = function()
    sent = sent + 1
    local id, code = string.match(reports[sent] or reports[#reports], "(%S+) (%d+)")
    return wrk.format(nil, "/api/v1/builds/" .. id .. "/state", nil, '{{"state_code":' .. code .. "}}")
end
"""
READ: Final = 'wrk.headers["X-API-Key"] = "{key}"'


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, the milliseconds it may take (0: no goal), and the number of queries it takes."""

    name: str
    path: str
    query: dict[str, str]
    goal_ms: float
    queries: int
    anew: bool = False  # what Redis keeps is forgotten before


QUESTIONS: Final = (
    Question("list, first page of 20", "/builds", {"limit": "20"}, 50, 4),
    Question("list, first page of 100", "/builds", {}, 50, 4),
    Question(
        "list of the failed on one platform", "/builds", {"status": "failed", "platform": "azure"}, 50, 4
    ),
    Question("summary, counted anew", "/dashboard/summary", {}, 30, 5, anew=True),
    Question("summary, as kept", "/dashboard/summary", {}, 30, 1),
    Question("metrics of 30 days, counted anew", "/dashboard/metrics", {}, 0, 10, anew=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--builds", type=int, default=100_000, help="each with twelve rows of history")
    parser.add_argument("--seconds", type=int, default=8, help="length of the load of state reports")
    options = parser.parse_args()
    stack = Stack()
    stack.start()
    try:
        started = time.monotonic()
        in_django(stack, LOAD.format(tenant=stack.tenant_id, builds=options.builds))
        with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
            connection.execute("VACUUM")  # as autovacuum would have by and by
        print(f"loaded {options.builds:,} builds in {time.monotonic() - started:.0f} s", flush=True)
        in_django(stack, ASK.format(tenant=TENANT, key=KEY))
        print(reporting(stack, options.seconds), flush=True)
    finally:
        stack.stop()


def ask_all(slug: str, key: str) -> None:
    """Print each answer as it comes."""
    from django.core.cache import cache

    from accounts.models import Tenant
    from bench.questions import Asker, timed

    asker = Asker(Tenant.objects.get(slug=slug), key)
    for question in QUESTIONS:
        answer = timed(question.name, question.goal_ms, asked(question, asker, cache))
        print(answer, "" if answer.queries == question.queries else f"BUDGET {question.queries}", flush=True)


def asked(question: Question, asker: Any, cache: Any) -> Callable[[], Any]:
    ask = partial(asker.get, question.path, question.query)

    def ask_anew() -> Any:
        cache.clear()
        return ask()

    return ask_anew if question.anew else ask


def reporting(stack: Stack, seconds: int) -> str:
    """State reports per second, each of which moved a build, beside reads of one build by the same server.

    Both after a moment of reports in which processes and connections become warm.
    """
    port = free_port()
    process = lane(stack, port)
    with running(process), psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        report(connection, port, WARM_UP)
        path = f"/api/v1/builds/{_open(connection)[0][0]}"
        read = run_wrk(port, path, READ.format(key=KEY), seconds=seconds, connections=CONNECTIONS)
        before, used = _states(connection), process.cpu_seconds()
        load = report(connection, port, seconds)
        used = process.cpu_seconds() - used
        written = _states(connection) - before
    if load.failed or read.failed or not load.requests <= written <= load.requests + CONNECTIONS:
        raise SystemExit(f"{load.failed} of {load.requests} reports failed, and {written} rows were written.")
    return told(load, read, used)


def report(connection: "psycopg.Connection[Any]", port: int, seconds: int) -> Load:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(f"{build} {code}" for build, code in _open(connection)))
        file.flush()
        script = SCRIPT.format(key=KEY, file=file.name)
        return run_wrk(port, "/", script, seconds=seconds, connections=CONNECTIONS)


def _open(connection: "psycopg.Connection[Any]") -> list[tuple[Any, ...]]:
    return connection.execute(REPORTS).fetchall()


def _states(connection: "psycopg.Connection[Any]") -> int:
    row = connection.execute("SELECT count(*) FROM builds_buildstate").fetchone()
    return int(row[0]) if row else 0


def told(load: Load, read: Load, cpu_seconds: float) -> str:
    verdict = "ok" if load.rate >= GOAL else "TOO SLOW"
    return (
        f"state reports {load.rate:,.0f}/s  p50 {load.p50_ms:.1f} ms  p99 {load.p99_ms:.1f} ms"
        f"  {cpu_seconds * 1e3 / load.requests:.2f} ms of processor each  goal {GOAL}/s  {verdict}\n"
        f"reads of one build {read.rate:,.0f}/s; a report costs {read.rate / load.rate:.1f} of them"
    )


if __name__ == "__main__":
    main()

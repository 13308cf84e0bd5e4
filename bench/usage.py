"""How fast a month of usage answers: `python -m bench.usage --events 10000000`.

Starts PostgreSQL (fsync on) and Redis of its own, loads a month of one tenant's events, makes its rollups,
asks the questions of bench.questions, and then measures how much ingestion slows down while rollups are
made beside it. Everything shares this machine's processors, the load included.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from bench.endtoend import OURS, end_to_end, wait
from bench.stack import KEY, ROOT, TENANT, Stack, running

LOAD: Final = "from bench.month import load; import uuid; load(uuid.UUID('{tenant}'), {events})"
ASK: Final = "from bench.questions import run; run('{tenant}', '{key}', {late})"
# Six times as often as beat has it.
AGGREGATE: Final = "import time; from usage.tasks import aggregate\nwhile True: aggregate(); time.sleep(10)"
# Old enough in its id to be due at once.
MARK: Final = """
INSERT INTO usage_dirtyhour (id, tenant_id, hour)
VALUES ('01900000-0000-7003-8000-000000000000', %s, '2026-03-01Z')
"""
ROUNDS: Final = 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=10_000_000, help="in the month")
    parser.add_argument("--late", type=int, default=100_000, help="in one day, after the rollups are made")
    parser.add_argument("--ingest", type=int, default=400_000, help="in each run of ingestion; 0 for none")
    options = parser.parse_args()
    stack = Stack()
    stack.start()
    try:
        started = time.monotonic()
        in_django(stack, LOAD.format(tenant=stack.tenant_id, events=options.events))
        print(f"loaded {options.events:,} events in {time.monotonic() - started:.0f} s", flush=True)
        in_django(stack, ASK.format(tenant=TENANT, key=KEY, late=options.late))
        if options.ingest:
            print(ingestion(stack, options.ingest), flush=True)
    finally:
        stack.stop()


def in_django(stack: Stack, code: str) -> None:
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", code]
    subprocess.run(command, cwd=ROOT, env=stack.env, check=True)


@contextmanager
def aggregator(stack: Stack) -> Iterator[None]:
    """One at work: it has taken a mark away by the time that the block begins."""
    with (
        running(stack.process("manage.py", "shell", "-v0", "-c", AGGREGATE)),
        psycopg.connect(stack.postgres.url, autocommit=True) as connection,
    ):
        connection.execute(MARK, [stack.tenant_id])
        wait(lambda: connection.execute("SELECT 1 FROM usage_dirtyhour").fetchone() is None)
        yield


def ingestion(stack: Stack, events: int) -> str:
    """Without and with an aggregator beside two writers, by turns, each time into an empty table."""
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(end_to_end(stack, OURS, events=events).rate)
        with aggregator(stack):
            beside.append(end_to_end(stack, OURS, events=events).rate)
    ratio = max(beside) / max(alone)
    verdict = "ok" if ratio >= 0.9 else "TOO SLOW"
    return (
        f"ingestion {max(alone):,.0f} events/s, with rollups {max(beside):,.0f}/s:"
        f" {ratio:.2f}  goal 0.90  {verdict}"
    )


if __name__ == "__main__":
    main()

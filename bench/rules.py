"""How fast recommendations are computed: `python -m bench.rules --resources 200000`.

Starts PostgreSQL (fsync on) of its own with planted resources and thirteen months of what they cost, and runs
`manage.py recommend` three times: as of yesterday, which opens all; again, which finds them as they are; and
as of today, when the thirty days that costs are taken from have moved on, and with them nearly all that is
said. Beside it stands how long PostgreSQL takes to COPY as many rows as were opened, with their indexes. Six
of ten planted resources have a finding: more than most fleets have, and so more to write. Everything shares
this machine's processors. The goals are those of 200,000 resources.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import psycopg

from bench.inventory import MEGABYTE, MEMORY
from bench.stack import ROOT, TENANT, TICKS, Stack, tree

SECONDS: Final = 60
TABLE: Final = "inventory_recommendation"


class Run(NamedTuple):
    """`own` and `database` are seconds of processors."""

    seconds: float
    megabytes: float
    own: float
    database: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--resources", type=int, default=200_000, help="default: 200000")
    options = parser.parse_args()
    stack = Stack()
    stack.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            stack.env |= {"VAR_DIR": folder, "LOG_LEVEL": "ERROR"}
            fill = [sys.executable, "-m", "bench.rules_fill", folder, TENANT, str(options.resources)]
            started = time.monotonic()
            subprocess.run(fill, cwd=ROOT, env=stack.env, check=True, stderr=subprocess.DEVNULL)
            print(
                f"{options.resources:,} resources filled in {time.monotonic() - started:,.0f} s", flush=True
            )
            yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
            for name, when in (
                ("all are new", ["--as-of", yesterday]),
                ("all are there", ["--as-of", yesterday]),
                ("a day later", []),
            ):
                run = computed(stack, when)
                print(f"{name}: {verdict(options.resources, run)}", flush=True)
            print(f"COPY of as many rows alone: {floor(stack):,.1f} s", flush=True)
    finally:
        stack.stop()


def computed(stack: Stack, when: list[str]) -> Run:
    command = [sys.executable, "manage.py", "recommend", "--tenant", TENANT, "--json", *when]
    started, before = time.monotonic(), database_seconds(stack)
    child = subprocess.Popen(command, cwd=ROOT, env=stack.env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("The computation failed.")
    seconds, database = time.monotonic() - started, database_seconds(stack) - before
    return Run(seconds, used.ru_maxrss / MEGABYTE, used.ru_utime + used.ru_stime, database)


def database_seconds(stack: Stack) -> float:
    """Of processors, with those of its workers that have ended."""
    total = 0
    for pid in tree(stack.postgres.pid):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(map(int, fields[11:15]))
    return total / TICKS


def floor(stack: Stack) -> float:
    with (
        psycopg.connect(stack.postgres.url, autocommit=True) as connection,
        tempfile.TemporaryFile() as file,
    ):
        connection.execute(f"CREATE TABLE copied (LIKE {TABLE} INCLUDING ALL)")
        with connection.cursor().copy(f"COPY {TABLE} TO STDOUT") as copy:
            for block in copy:
                file.write(block)
        file.seek(0)
        started = time.monotonic()
        with connection.cursor().copy("COPY copied FROM STDIN") as copy:
            while block := file.read(1 << 20):
                copy.write(block)
        return time.monotonic() - started


def verdict(resources: int, run: Run) -> str:
    good = run.seconds <= SECONDS and run.megabytes <= MEMORY
    return (
        f"{run.seconds:,.1f} s  goal {SECONDS}  {resources / run.seconds:,.0f} resources/s"
        f"  processors {run.own:,.1f} s and PostgreSQL's {run.database:,.1f} s"
        f"  peak {run.megabytes:,.0f} MB  goal {MEMORY}  {'ok' if good else 'MISSED'}"
    )


if __name__ == "__main__":
    main()

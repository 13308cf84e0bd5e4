"""How fast recommendations are computed: `python -m bench.rules --resources 200000`.

Starts PostgreSQL (fsync on) of its own with planted resources and thirteen months of what they cost, and runs
`manage.py recommend` twice: the first opens all, the second finds them as they are. Everything shares this
machine's processors. The goals are those of 200,000 resources.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from typing import Final

from bench.inventory import MEGABYTE, MEMORY, Run
from bench.stack import ROOT, TENANT, Stack

SECONDS: Final = 60


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
            for name in ("all are new", "all are there"):
                print(f"{name}: {verdict(computed(stack))}", flush=True)
    finally:
        stack.stop()


def computed(stack: Stack) -> Run:
    command = [sys.executable, "manage.py", "recommend", "--tenant", TENANT, "--json"]
    started = time.monotonic()
    child = subprocess.Popen(command, cwd=ROOT, env=stack.env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("The computation failed.")
    return Run(time.monotonic() - started, used.ru_maxrss / MEGABYTE)


def verdict(run: Run) -> str:
    good = run.seconds <= SECONDS and run.megabytes <= MEMORY
    return (
        f"{run.seconds:,.1f} s  goal {SECONDS}  peak {run.megabytes:,.0f} MB  goal {MEMORY}"
        f"  {'ok' if good else 'MISSED'}"
    )


if __name__ == "__main__":
    main()

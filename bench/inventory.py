"""How fast a bill comes in: `python -m bench.inventory --rows 1000000`.

Starts PostgreSQL (fsync on) of its own, makes thirteen months of a FOCUS bill from a seed and imports it with
`manage.py import_costs`: received, checked, compared with what is there, confirmed. Then a corrected month is
imported over it, and costs are added up (bench.costs). Everything shares this machine's processors.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from bench.stack import ROOT, TENANT, Stack

DAYS: Final = 396  # thirteen months
RATE: Final = 8_000
MEMORY: Final = 300
MEGABYTE: Final = 1024  # of ru_maxrss, which counts in KiB


class Run(NamedTuple):
    seconds: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="about so many, in thirteen months")
    options = parser.parse_args()
    stack = Stack()
    stack.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            stack.env["VAR_DIR"] = folder
            imports(stack, Path(folder), options.rows)
    finally:
        stack.stop()


def imports(stack: Stack, folder: Path, rows: int) -> None:
    bill, month = folder / "bill.csv", folder / "month.csv"
    resources = str(max(rows // DAYS, 7))
    made = ["--start", "2025-01", "--resources", resources]
    stack.manage("make_costs", str(bill), *made)
    stack.manage("make_costs", str(month), *made, "--seed", "2", "--months", "1")
    for name, file in (("the bill", bill), ("a month of it again", month)):
        count = sum(1 for _ in file.open("rb")) - 1
        size = file.stat().st_size / 1e6
        print(f"{name}: {count:,} rows, {size:,.0f} MB", flush=True)
        run = imported(stack, file)
        told = verdict(count, run) if file is bill else f"compared and replaced in {run.seconds:,.1f} s"
        print(told, flush=True)
    subprocess.run([sys.executable, "-m", "bench.costs", TENANT], cwd=ROOT, env=stack.env, check=True)


def imported(stack: Stack, file: Path) -> Run:
    command = [sys.executable, "manage.py", "import_costs", str(file), "--tenant", TENANT, "--json"]
    started = time.monotonic()
    child = subprocess.Popen(command, cwd=ROOT, env=stack.env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("The import failed.")
    return Run(time.monotonic() - started, used.ru_maxrss / MEGABYTE)


def verdict(rows: int, run: Run) -> str:
    rate = rows / run.seconds
    good = rate >= RATE and run.megabytes <= MEMORY
    return (
        f"imported in {run.seconds:,.1f} s: {rate:,.0f} rows/s  goal {RATE:,}"
        f"  peak {run.megabytes:,.0f} MB  goal {MEMORY}  {'ok' if good else 'MISSED'}"
    )


if __name__ == "__main__":
    main()

"""Every proof of `make test`, to the end even when one fails. `lint`: only the linters.

Each step says its name and its seconds; the last lines say what failed and what the tests really ran on.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
COLOURS: Final = sys.stdout.isatty() and "NO_COLOR" not in os.environ
PYTEST: Final = f"python -m pytest -q --color={'yes' if COLOURS else 'no'}"
# As strong as the deployment checks ask for; the servers are named but never contacted.
PRODUCTION: Final = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "skyledger.example.com",
    "DATABASE_URL": "postgresql://skyledger:unused@127.0.0.1:1/skyledger",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


@dataclass(frozen=True)
class Step:
    """A command, split at its spaces, and what it adds to the environment."""

    name: str
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)


def linters() -> list[Step]:
    return [
        Step("ruff check", "ruff check -q ."),
        Step("ruff format", "ruff format -q --check ."),
        Step("import-linter", "lint-imports --no-logo"),
        Step("mypy", "mypy ."),
    ]


def proofs(scratch: str) -> list[list[list[Step]]]:
    """All steps: two lanes for two cores, then the fault tests, which are fair only on a quiet machine.

    `scratch` is a folder for what the Django commands write.
    """
    django = {
        "ENVIRONMENT": "test",
        "VAR_DIR": scratch,
        "DATABASE_URL": f"sqlite:///{scratch}/empty.sqlite3",
        "REDIS_URL": "",
    }
    schema = f"{scratch}/openapi.yaml"
    checks = [
        *linters(),
        Step("migrations", "python manage.py makemigrations --check --dry-run", django),
        Step("deployment", "python manage.py check --deploy --fail-level WARNING", {**django, **PRODUCTION}),
        Step("schema", f"python manage.py spectacular --validate --fail-on-warn --file {schema}", django),
        Step("docs/openapi.yaml (make openapi)", f"diff -u docs/openapi.yaml {schema}"),
        Step("pytest", f"{PYTEST} -n 2 --ignore=tests/faults"),
    ]
    embedded = [
        Step("fuzz", "python -m tests.fuzz"),
        Step("pytest embedded", f"{PYTEST} -n 2", {"SKYLEDGER_TESTS": "embedded"}),
    ]
    faults = [Step("pytest faults", f"{PYTEST} tests/faults")]
    return [[checks, embedded], [faults]]


def passes(step: Step, tested_on: list[str]) -> bool:
    """Run one step and show its output; the backends that pytest names go to `tested_on`."""
    started = time.monotonic()
    # Were bytecode not kept, each of the hundred processes would compile all that it imports.
    given = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**given, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **step.environment}
    run = subprocess.run(
        step.command.split(), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = [line for line in run.stdout.splitlines() if line.startswith("Tested on:")]
    tested_on.extend(f"{step.name}: {line.partition(': ')[2].strip()}" for line in said)
    verdict = "ok" if run.returncode == 0 else "FAILED"
    seconds = time.monotonic() - started
    # In one write, as another lane may be writing too.
    print(f"{_bold(f'== {step.name}')}\n{run.stdout}{verdict}: {step.name}, {seconds:.1f} s\n", flush=True)
    return run.returncode == 0


def failures(lane: list[Step], tested_on: list[str]) -> list[str]:
    return [step.name for step in lane if not passes(step, tested_on)]


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if COLOURS else text


def main() -> None:
    started = time.monotonic()
    tested_on: list[str] = []
    with tempfile.TemporaryDirectory(prefix="sky-steps-") as scratch:
        stages = [[linters()]] if sys.argv[1:] == ["lint"] else proofs(scratch)
        failed: list[str] = []
        for lanes in stages:
            with ThreadPoolExecutor(len(lanes)) as pool:
                failed += chain.from_iterable(pool.map(lambda lane: failures(lane, tested_on), lanes))
    number = sum(len(lane) for lanes in stages for lane in lanes)
    seconds = time.monotonic() - started
    print(_bold(f"{number - len(failed)} of {number} steps passed in {seconds:.0f} s"))
    for name in failed:
        print(f"FAILED: {name}")
    for line in tested_on:
        print(line)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

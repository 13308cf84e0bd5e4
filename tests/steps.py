"""Every proof of `make test`, to the end even when one fails. `lint`: only the linters.

Each step says its name, its seconds and those of processors; the last lines say what failed and what the
tests really ran on.
"""

import itertools
import os
import secrets
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

BIN: Final = Path(sys.executable).parent
COLOURS: Final = sys.stdout.isatty() and "NO_COLOR" not in os.environ
PYTEST: Final = f"python -m pytest -q -rs --color={'yes' if COLOURS else 'no'}"
AT_ONCE: Final = 4  # for two cores: tests also wait, for the servers that they test and for time to pass
# Where pytest looks for tests, in shares of about the same length; what these leave is one more.
PYPROJECT: Final = tomllib.loads(Path("pyproject.toml").read_text())
PLACES: Final = PYPROJECT["tool"]["pytest"]["ini_options"]["testpaths"]
SHARES: Final = ("usage builds", "inventory accounts", "config")
EMBEDDED_SHARES: Final = ("usage builds inventory accounts",)
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


def shares(name: str, environment: Mapping[str, str], named: Sequence[str]) -> list[list[Step]]:
    """The tests but for the faults, each share in a process of its own."""
    others = [place for place in PLACES if place not in " ".join(named).split()]
    places = {**{share: share for share in named}, "others": f"{' '.join(others)} --ignore=tests/faults"}
    return [[Step(f"{name} {share}", f"{PYTEST} {where}", environment)] for share, where in places.items()]


def proofs(scratch: str) -> list[list[Step]]:
    """All steps, in chains for one process each: when one is done the next begins, so that none is idle.

    The longest come first. `scratch` is a folder for what the Django commands write.
    """
    django = {
        "ENVIRONMENT": "test",
        "VAR_DIR": scratch,
        "DATABASE_URL": f"sqlite:///{scratch}/empty.sqlite3",
        "REDIS_URL": "",
    }
    schema = f"{scratch}/openapi.yaml"
    checks = [
        Step("migrations", "python manage.py makemigrations --check --dry-run", django),
        Step("deployment", "python manage.py check --deploy --fail-level WARNING", {**django, **PRODUCTION}),
        Step("schema", f"python manage.py spectacular --validate --fail-on-warn --file {schema}", django),
        Step("docs/openapi.yaml (make openapi)", f"diff -u docs/openapi.yaml {schema}"),
    ]
    return [
        [Step("pytest faults", f"{PYTEST} tests/faults")],
        *shares("pytest", {}, SHARES),
        linters(),
        *shares("embedded", {"SKYLEDGER_TESTS": "embedded"}, EMBEDDED_SHARES),
        [Step("fuzz", "python -m tests.fuzz")],
        checks,
    ]


def passes(step: Step, tested_on: list[str]) -> bool:
    """Run one step and show its output; the backends that pytest names go to `tested_on`."""
    started = time.monotonic()
    # Were bytecode not kept, each of the hundred processes would compile all that it imports.
    given = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**given, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **step.environment}
    status, output, worked = _run(step.command, environment)
    said = [line for line in output.splitlines() if line.startswith("Tested on:")]
    tested_on.extend(f"{step.name}: {line.partition(': ')[2].strip()}" for line in said)
    verdict = "ok" if status == 0 else "FAILED"
    took = f"{time.monotonic() - started:.1f} s, {worked:.1f} s of processors"
    # In one write, as another chain may be writing too.
    print(f"{_bold(f'== {step.name}')}\n{output}{verdict}: {step.name}, {took}\n", flush=True)
    return status == 0


def _run(command: str, environment: Mapping[str, str]) -> tuple[int, str, float]:
    """Exit status, output, and the processors' seconds of the command and of all that it waited for."""
    with subprocess.Popen(
        command.split(), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, output, usage.ru_utime + usage.ru_stime


def failures(chain: list[Step], tested_on: list[str]) -> list[str]:
    return [step.name for step in chain if not passes(step, tested_on)]


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if COLOURS else text


def main() -> None:
    started = time.monotonic()
    tested_on: list[str] = []
    with tempfile.TemporaryDirectory(prefix="sky-steps-") as scratch:
        chains = [linters()] if sys.argv[1:] == ["lint"] else proofs(scratch)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            failed = list(itertools.chain(*pool.map(lambda steps: failures(steps, tested_on), chains)))
    number = sum(map(len, chains))
    seconds = time.monotonic() - started
    print(_bold(f"{number - len(failed)} of {number} steps passed in {seconds:.0f} s"))
    for name in failed:
        print(f"FAILED: {name}")
    for line in tested_on:
        print(line)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

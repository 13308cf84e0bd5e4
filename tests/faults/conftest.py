"""One stack for all fault tests, mended before each; what each of them saw is told at the end."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.db import connection

from gcore.simulator import PASSWORD, USERNAME, Simulator
from tests.faults.checks import assert_kept, describe
from tests.faults.load import Load
from tests.faults.programs import Worker
from tests.faults.stack import Stack, eventually

LEASE: Final = "2"  # seconds
SEEN: Final = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def whole_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("var"))
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture
def stack(whole_stack: Stack) -> Stack:
    """Redis, PostgreSQL, a web process, two writers and two aggregators, all at work."""
    whole_stack.heal()
    return whole_stack


@pytest.fixture
def seed() -> str:
    """Begins the event ids of a test and decides what its producers send; FAULT_SEED repeats one."""
    return os.environ.get("FAULT_SEED") or secrets.token_hex(4)


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to the end of the run."""
    seen = request.config.stash.setdefault(SEEN, [])
    return lambda line: seen.append(f"{request.node.name}: {line}")


@pytest.fixture
def assert_nothing_lost(stack: Stack, tell: Callable[[str], None]) -> Callable[[Load], None]:
    """Once all caught up: what was acked is stored, once and as sent, all sums hold, and nothing waits."""

    def check(load: Load) -> None:
        caught_up = eventually(lambda: stack.waiting() == (0, 0))
        stored = stack.stored(load.name)
        tell(describe(load, stored))
        assert_kept(load, stored)
        assert caught_up, f"{stack.waiting()} entries still wait or are in hand"
        assert eventually(lambda: stack.marked() == 0), f"{stack.marked()} marks are left"
        assert stack.unequal() == []

    return check


@pytest.fixture
def gcore() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def worker_environment(gcore: Simulator, tmp_path: Path, settings: Any) -> dict[str, str]:
    """On the database and Redis of the tests."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return {
        "ENVIRONMENT": "test",
        "DATABASE_URL": url.geturl(),
        "REDIS_URL": settings.REDIS_URL,
        "VAR_DIR": str(tmp_path),
        "LOG_LEVEL": "WARNING",
        "GCORE_API_BASE": gcore.url,
        "GCORE_USERNAME": USERNAME,
        "GCORE_PASSWORD": PASSWORD,
        "REPORT_POLL_INTERVAL": "0.2",
        "REPORT_LEASE_SECONDS": LEASE,
        "AUTOMATION_POLL_SECONDS": "0.2",
        "AUTOMATION_LEASE_SECONDS": LEASE,
        "SECRET_KEY": settings.SECRET_KEY,
    }


@pytest.fixture
def worker(worker_environment: dict[str, str]) -> Iterator[Worker]:
    with Worker(worker_environment) as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(SEEN, []):
        terminalreporter.write_line(line)

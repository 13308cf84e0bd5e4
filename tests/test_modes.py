"""A full run proves that it used the real servers, or fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.servers import Redis

pytestmark = pytest.mark.full

TESTS = """
import pytest

def test_of_any_mode(): pass

@pytest.mark.full
def test_runs(): pass

@pytest.mark.full
def test_may_skip(request):
    if request.config.getoption("verbose") > 0: pytest.skip()
"""


def pytest_run(tmp_path: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Exit status and output of a run of its own over TESTS, with no plugin but ours and xdist."""
    (tmp_path / "test_sample.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = full\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.servers.plugin", "-p", "xdist.plugin"]
    done = subprocess.run(
        [*command, "-c", str(tmp_path / "pytest.ini"), str(tmp_path), *options],
        env={**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 0), (("-k", "runs"), 0), (("-v",), 1), (("-m", "not full", "-n1"), 1)],
    ids=["all run", "picked by hand", "skipped", "deselected in a worker"],
)
def test_a_full_run_fails_when_a_full_test_did_not_run(
    tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    returned, output = pytest_run(tmp_path, *options)
    assert returned == status, output
    assert ("marked full did not run" in output) is bool(status)
    assert output.splitlines()[-1].startswith("Tested on: PostgreSQL ")


def test_a_named_server_that_does_not_answer_ends_the_run(tmp_path: Path) -> None:
    returned, output = pytest_run(tmp_path, REDIS_URL="redis://127.0.0.1:1/0")
    assert returned == pytest.ExitCode.USAGE_ERROR
    assert "REDIS_URL is set, but what it names does not answer" in output


def test_a_redis_database_with_something_in_it_is_not_flushed(tmp_path: Path) -> None:
    with Redis() as server, redis.Redis.from_url(server.url) as client:
        client.set("precious", 1)
        returned, output = pytest_run(tmp_path, REDIS_URL=server.url)
        assert client.get("precious") == b"1"
    assert returned == pytest.ExitCode.USAGE_ERROR
    assert "is not empty" in output

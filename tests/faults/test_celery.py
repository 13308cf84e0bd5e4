"""Celery hands out again what a process took with it, and holds no more than it works on."""

from pathlib import Path
from typing import Any

import pytest
import redis

from accounts.background import ask_worker
from tests.faults.programs import Worker
from tests.faults.stack import eventually

pytestmark = [pytest.mark.full, pytest.mark.faults, pytest.mark.django_db(transaction=True)]


class Processes(Worker):
    """A worker as production has it: tasks run in a process of their own."""

    pool = ("-P", "prefork", "-c", "1", "-I", "tests.faults.lost")


def test_a_task_whose_process_died_runs_again_and_no_other_is_held(
    worker_environment: dict[str, str], tmp_path: Path, settings: Any
) -> None:
    files = [tmp_path / f"{name}.txt" for name in "abc"]
    broker = redis.Redis.from_url(settings.REDIS_URL)
    with Processes(worker_environment) as worker:
        for file in files:
            assert ask_worker("tests.lost", file=str(file))
        assert eventually(lambda: any(text(file).count("begun") == 2 for file in files)), worker.log_tail()
        held: Any = broker.hlen("unacked")
        waiting: Any = broker.llen("celery")
        assert (held, waiting) == (1, 2)
        for file in files:
            file.with_suffix(".go").touch()
        assert eventually(lambda: all("done" in text(file) for file in files)), worker.log_tail()
        assert eventually(lambda: not broker.hlen("unacked"))
    assert [text(file) for file in files] == ["begun\nbegun\ndone\n"] * 3


def text(file: Path) -> str:
    return file.read_text() if file.exists() else ""

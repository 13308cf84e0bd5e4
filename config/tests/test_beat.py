"""The schedule: each task is asked of a worker, or done by beat itself while Redis is away."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
from celery import Task
from kombu.exceptions import OperationalError

from config.beat import Scheduler
from config.celery import app

ENTRY = "gcore-plan-imports"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were done in this process."""
    ran: list[str] = []
    monkeypatch.setattr("gcore.tasks.imports_plan", lambda: ran.append(ENTRY))
    return ran


@pytest.fixture
def scheduler(tmp_path: Path) -> Scheduler:
    return Scheduler(app, schedule_filename=str(tmp_path / "beat"))


def away(*args: Any, **kwargs: Any) -> NoReturn:
    raise OperationalError("Connection refused")


def test_a_worker_is_asked(scheduler: Scheduler, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(Task, "apply_async", lambda task, *args, **said: asked.append((task.name, said)))
    scheduler.apply_entry(scheduler.schedule[ENTRY])
    ((name, said),) = asked
    assert (name, said["expires"], done) == ("gcore.plan_imports", 600, [])


@pytest.mark.django_db
def test_beat_does_itself_what_no_worker_can_be_asked_for(
    scheduler: Scheduler, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Task, "apply_async", away)
    scheduler.apply_entry(scheduler.schedule[ENTRY])
    assert done == [ENTRY]
    monkeypatch.setattr("gcore.tasks.imports_plan", away)
    scheduler.apply_entry(scheduler.schedule[ENTRY])  # a task that fails does not end beat
    assert done == [ENTRY]

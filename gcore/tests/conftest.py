"""Fixtures of the Gcore room: the simulator, and clients that talk to it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.core.cache import caches

from gcore.api import waiting
from gcore.client import Credentials, GcoreClient, Generation, transport
from gcore.models import ReportJob
from gcore.services import reports
from gcore.simulator import API_TOKEN, PASSWORD, USERNAME, Simulator
from gcore.tests.reports import work


@pytest.fixture(scope="session")
def _running_simulator() -> Iterator[Simulator]:
    with Simulator() as gcore:
        yield gcore


@pytest.fixture
def gcore_simulator(_running_simulator: Simulator, settings: Any) -> Simulator:
    """Gcore over HTTP, as new, and the default account in it. Its state is `gcore_simulator.state`."""
    _running_simulator.state.reset()
    caches["local"].clear()
    settings.GCORE_API_BASE = _running_simulator.url
    settings.GCORE_USERNAME, settings.GCORE_PASSWORD = USERNAME, PASSWORD
    return _running_simulator


@pytest.fixture
def credentials(gcore_simulator: Simulator) -> Callable[..., Credentials]:
    """`credentials(generation=…)`: a name and password; `credentials(api_token=…)`: that token instead."""

    def make(**given: Any) -> Credentials:
        signed_in = {} if "api_token" in given else {"username": USERNAME, "password": PASSWORD}
        return Credentials(**{"name": "test", "base": gcore_simulator.url, **signed_in, **given})

    return make


@pytest.fixture(params=list(Generation))
def client(request: pytest.FixtureRequest, credentials: Callable[..., Credentials]) -> GcoreClient:
    """A client with a permanent token, on each generation of paths in turn."""
    return GcoreClient(credentials(api_token=API_TOKEN, generation=request.param))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited between attempts; it does not."""
    slept: list[float] = []
    monkeypatch.setattr(transport, "sleep", slept.append)
    return slept


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that can be moved on, the simulator's too."""
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC)) as traveller:
        yield traveller


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, float]]:
    """The reports that a worker was asked for, each with the seconds until then; none comes."""
    heard: list[tuple[UUID, float]] = []

    def ask(task: str, *, seconds: float, job_id: str) -> bool:
        heard.append((UUID(job_id), seconds))
        return True

    monkeypatch.setattr(reports, "ask_worker", ask)
    return heard


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Any:
    """`with committed(execute=True):` does at its end what waits for a commit, which a test never makes."""
    return django_capture_on_commit_callbacks


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller) -> list[float]:
    """While a caller waits a worker does all that is to be done; the pauses that were made."""
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        for job in ReportJob.objects.all():
            work(job, clock)

    monkeypatch.setattr(waiting, "sleep", pause)
    monkeypatch.setattr(waiting, "monotonic", lambda: float(len(pauses)))
    return pauses

"""Fixtures of the Gcore room: the simulator, and clients that talk to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import caches

from gcore.client import Credentials, GcoreClient, Generation, transport
from gcore.simulator import API_TOKEN, PASSWORD, USERNAME, Simulator


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

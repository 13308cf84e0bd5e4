"""What /metrics tells of the calls to Gcore."""

from collections.abc import Callable

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from gcore.client import Credentials, GcoreClient
from gcore.errors import GcoreError
from gcore.simulator import Simulator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("few_samples")]


@pytest.fixture
def grown() -> Callable[..., float]:
    """How much a sample has grown since the test began."""

    def samples() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        families = REGISTRY.collect()
        return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}

    before = samples()

    def growth(name: str, **labels: str) -> float:
        sample = (name, frozenset(labels.items()))
        return samples().get(sample, 0) - before.get(sample, 0)

    return growth


def test_calls_errors_and_tokens_are_counted(
    credentials: Callable[..., Credentials],
    gcore_simulator: Simulator,
    grown: Callable[..., float],
    waits: list[float],
) -> None:
    client = GcoreClient(credentials())
    for _ in range(3):
        client.who_am_i()
    gcore_simulator.state.add_fault(status=503)
    gcore_simulator.state.add_fault(drop=True, times=4)
    with pytest.raises(GcoreError):
        client.who_am_i()
    gcore_simulator.state.reset()
    gcore_simulator.state.add_fault(path=".*/me", status=403)
    with pytest.raises(GcoreError):
        client.who_am_i()
    counted = {
        ("gcore_calls_total", "login", "200"): 1,
        ("gcore_calls_total", "who_am_i", "200"): 3,
        ("gcore_calls_total", "who_am_i", "503"): 1,
        ("gcore_calls_total", "who_am_i", "none"): 3,
        ("gcore_calls_total", "who_am_i", "403"): 1,
    }
    for (name, operation, status), count in counted.items():
        assert grown(name, operation=operation, status=status) == count, (operation, status)
    assert grown("gcore_call_duration_seconds_count", operation="who_am_i") == 8
    assert grown("gcore_errors_total", operation="who_am_i", kind="transient") == 1
    assert grown("gcore_errors_total", operation="who_am_i", kind="permanent") == 1
    assert (grown("gcore_tokens_total", source="login"), grown("gcore_tokens_total", source="cache")) == (
        1,
        4,
    )


def test_they_are_exposed() -> None:
    text = Client().get("/metrics").content.decode()
    for name in (
        "gcore_calls_total",
        "gcore_call_duration_seconds",
        "gcore_errors_total",
        "gcore_tokens_total",
    ):
        assert f"# TYPE {name.removesuffix('_total')}" in text

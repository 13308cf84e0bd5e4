"""What is buffered when a program ends, however it ends, is sent, or its loss is told."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from pytest_django.live_server_helper import LiveServer

from usage.models import UsageEvent
from usage.tests.conftest import drain

SOURCE: Final = Path(__file__).parents[1]
PROGRAM: Final = """
import atexit, os, signal, sys
from skyledger_client import Client
client = Client(sys.argv[1], sys.argv[2], tenant="acme", retries=0, batch_seconds=3600)
def track(name):
    client.track(event_id=name, user_id="u", service_type="t", service_provider="p", event_type="e")
track("a")
"""
SIGNAL: Final = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
os.kill(os.getpid(), signal.SIGTERM)
"""
# A child begins empty, with a thread of its own; its parent still sends what is the parent's.
FORK: Final = """
if os.fork():
    os.wait()
    track("b")
else:
    track("child")
    client.flush()
    os._exit(0)
"""


def run(ending: str, url: str, key: str) -> str:
    """What a program that ends so says on stderr."""
    command = [sys.executable, "-c", PROGRAM + ending, url, key]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr


@pytest.mark.parametrize(
    ("ending", "stored"),
    [
        ("", {"a"}),
        ("raise ValueError", {"a"}),
        ("sys.exit(3)", {"a"}),
        ("atexit.register(track, 'late')", {"a", "late"}),
        (SIGNAL, {"a"}),
        (FORK, {"a", "b", "child"}),
    ],
    ids=["end", "exception", "exit", "tracked at exit", "signal", "fork"],
)
def test_the_end_of_a_program_sends_what_is_left(
    live_server: LiveServer, transactional_db: None, key: Callable[..., str], ending: str, stored: set[str]
) -> None:
    said = run(ending, live_server.url, key("ingest"))
    drain()
    assert sorted(UsageEvent.objects.values_list("event_id", flat=True)) == sorted(stored), said


def test_a_program_that_ends_says_what_it_could_not_send() -> None:
    said = run("", "http://127.0.0.1:9", "key")
    assert "DeliveryFailed: 1 events did not get through; the first, a: " in said

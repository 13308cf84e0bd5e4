"""Restart one replica after the other while the others answer."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers import Server

# What nginx had chosen a replica for when it was taken out has reached it by then.
SETTLE_SECONDS: Final = 0.5


def restart_in_turn(replicas: Iterable[Server], draining: Path) -> Iterator[str]:
    """Restart each of them, and yield its name when it is back; `draining` is where nginx looks for flags."""
    for replica in replicas:
        with drained(replica.name, draining):
            replica.restart()
        yield replica.name


@contextmanager
def drained(name: str, draining: Path) -> Iterator[None]:
    """nginx sends the replica of that name nothing new."""
    flag = draining / name
    flag.touch()
    try:
        time.sleep(SETTLE_SECONDS)
        yield
    finally:
        flag.unlink()

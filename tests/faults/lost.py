"""A task whose first run takes its process with it; for tests alone."""

import os
import signal
import time
from pathlib import Path

from celery import shared_task


@shared_task(name="tests.lost")
def lost(file: str) -> None:
    """Write `begun` each time; the second time wait for `<file>.go`, and write `done`."""
    path = Path(file)
    with path.open("a") as out:
        out.write("begun\n")
    if path.read_text() == "begun\n":
        os.kill(os.getpid(), signal.SIGKILL)
    while not path.with_suffix(".go").exists():
        time.sleep(0.02)
    with path.open("a") as out:
        out.write("done\n")

"""`manage.py serve` as a process of its own, with a directory that holds all it writes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from tests.servers.process import free_port

ROOT: Final = Path(__file__).resolve().parents[2]


class OneBox:
    """The whole platform with demo data, on SQLite without Redis unless `environment` says otherwise.

    `begun` is the directory of one that has ended, which this one goes on with in its own.
    """

    def __init__(self, directory: Path, begun: Path | None = None, /, **environment: str) -> None:
        if begun:
            shutil.copytree(begun, directory, dirs_exist_ok=True)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = directory / "serve.log"
        self.environment = {
            **os.environ,
            "ENVIRONMENT": "development",
            "VAR_DIR": str(directory),
            "DATABASE_URL": f"sqlite:///{directory}/one.sqlite3",
            "REDIS_URL": "",
            "PORT": str(self.port),
            **environment,
        }

    def start(self) -> Self:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait_for(lambda: "is ready" in self.log.read_text(), seconds=120)
        return self

    def wait_for(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(by)
        return self.process.wait(60)


def begin(directory: Path) -> Path:
    """Start one there, which loads the demo data, and end it."""
    box = OneBox(directory).start()
    assert box.end() == 0, box.log.read_text()
    return directory

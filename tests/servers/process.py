"""A server process of our own: in a private directory, on a free loopback port, gone when we are."""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 20.0
# Nothing of the caller's own PGPORT, PGDATA, locale or time zone may leak in.
ENVIRONMENT: Final = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class ServerError(Exception):
    """A server could not be found or started; the message says what to do."""


def free_port() -> int:
    """A free port below the ephemeral range, so that no outgoing connection takes it during a restart."""
    for port in random.sample(range(15_000, 32_000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError("No free loopback port between 15000 and 32000.")


class Server(ABC):
    """Start, stop, kill, freeze and restart one server; data and port stay the same until `close`.

    It ends with the thread that started it, even if that is killed. Use it as a context manager.
    A `directory` that is given stays when the server is closed.
    """

    name: str
    stop_signal: ClassVar[signal.Signals]
    orphan_signal: ClassVar[str] = "KILL"
    environment: Mapping[str, str] = ENVIRONMENT
    cwd: Path | None = None

    def __init__(
        self, *, prefix: Sequence[str] = (), directory: Path | None = None, port: int | None = None
    ) -> None:
        self.prefix = prefix
        self._temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix=f"sky-{self.name}-"))
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log = self.directory / "log"
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    @abstractmethod
    def url(self) -> str: ...

    @property
    @abstractmethod
    def version(self) -> str:
        """Product and version as the running server tells them, e.g. `PostgreSQL 18.4`."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def _spawn(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*self.prefix, "setpriv", "--pdeathsig", self.orphan_signal, *command],
                env=self.environment,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                restore_signals=False,  # SIGXFSZ stays ignored: RLIMIT_FSIZE then acts like a full disk
            )

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerError(f"{self.name} is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """False also when it ended by itself; `kill` then clears up after it."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start and return once it answers, or raise ServerError with the end of its log."""
        self.launch()
        return self.wait_for_answer()

    def launch(self) -> None:
        if self._process is not None:
            raise ServerError(f"{self.name} is running already.")
        self._process = self._spawn(self._command())

    def wait_for_answer(self) -> Self:
        """Errors: ServerError when it has ended, or does not answer for too long."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise ServerError(f"{self.name} did not start; {self.log} ends with:\n{self.log_tail()}")
            time.sleep(0.02)
        return self

    def tell_to_stop(self) -> None:
        if self._process is not None:
            self.resume()
            self._process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """End it in order, as an operator would."""
        self.tell_to_stop()
        self.wait_for_end()

    def wait_for_end(self) -> None:
        """Until one that was told to stop has ended; it is killed when that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL the server and all its children at one moment."""
        if self._process is None:
            return
        family = self._signal_family(signal.SIGSTOP)
        for pid in family:
            _send(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        while any(_state(pid) not in {"", "Z", "X"} for pid in family):
            time.sleep(0.005)

    def restart(self) -> Self:
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._signal_family(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_family(signal.SIGCONT)

    def close(self, *, keep_log: Path | None = None) -> None:
        """Kill it and remove the files that are its own; the log may be kept as `keep_log`."""
        if os.getpid() != self._owner or not self.directory.exists():
            return  # a forked child that exits must not take its parent's server along
        atexit.unregister(self.close)
        self.kill()
        if keep_log is not None and self.log.exists():
            keep_log.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.log, keep_log)
        if self._temporary:
            shutil.rmtree(self.directory)

    def log_tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal_family(self, number: signal.Signals) -> list[int]:
        """Signal the server, which then forks no more, and its children: each leads its own group."""
        _send(self.pid, number)
        children = [pid for pid in map(int, _processes()) if _parent(pid) == self.pid]
        for pid in children:
            _send(pid, number)
        return [self.pid, *children]


def _processes() -> list[str]:
    return [name for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name: state, parent, …; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _state(pid: int) -> str:
    return next(iter(_stat(pid)), "")


def _parent(pid: int) -> int:
    return int((_stat(pid) or ["", "0"])[1])


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

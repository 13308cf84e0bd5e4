"""`make stack`: run it until Ctrl-C. `make rolling`: have it restart its replicas in turn."""

import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Final

from deploy.local.picture import ROOT
from deploy.local.stack import Stack
from tests.servers import ServerError
from tests.servers.process import free_port

DIRECTORY: Final = Path(os.environ.get("STACK_DIR", ROOT / "var" / "stack"))
PID: Final = DIRECTORY / "pid"
WATCH_SECONDS: Final = 1.0


def main() -> None:
    try:
        if sys.argv[1:] == ["rolling"]:
            ask_for_rolling()
        else:
            run()
    except ServerError as error:
        sys.exit(str(error))


def run() -> None:
    stop, roll = threading.Event(), threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: roll.set())
    refuse_a_second()
    stack = Stack(DIRECTORY, front_port(), lambda line: print(line, flush=True))
    print(f"Starting compose.yaml as processes; data and logs lie in {DIRECTORY}.")
    try:
        stack.start()
        PID.write_text(str(os.getpid()))
        welcome(stack)
        while not stop.wait(WATCH_SECONDS):
            if roll.is_set():
                roll.clear()
                stack.roll()
            stack.watch()
    finally:
        print("\nEnding …", flush=True)
        stack.stop()
        PID.unlink(missing_ok=True)


def ask_for_rolling() -> None:
    if (pid := running()) is None:
        raise ServerError("There is no stack to restart; `make stack` starts one.")
    os.kill(pid, signal.SIGHUP)
    print("The stack restarts its replicas one after the other and says so where it runs.")


def refuse_a_second() -> None:
    if (pid := running()) is not None:
        raise ServerError(f"A stack runs already on {DIRECTORY}, as process {pid}.")


def running() -> int | None:
    """The process of the stack that runs on our directory."""
    try:
        pid = int(PID.read_text())
        return pid if b"deploy.local" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def front_port() -> int:
    """The one asked for, or 8000; a free one where that is taken."""
    port = int(os.environ.get("PORT") or 8000)
    with socket.socket() as probe:
        return free_port() if probe.connect_ex(("127.0.0.1", port)) == 0 else port


def welcome(stack: Stack) -> None:
    port = stack.nginx.port
    key, tenant, _ = stack.environment["API_KEYS"].split(":")
    file = stack.environment_file
    rows = {
        "Console": f"http://localhost:{port}/console/",
        "API": f"http://localhost:{port}/api/v1",
        "Status": f"http://status.localhost:{port}/",
        "API key": f"{key}  (admin in {tenant})",
        "Account": f"(. {file} && {sys.executable} manage.py createsuperuser)",
        "Restart": "make rolling restarts the web replicas in turn",
    }
    print("\nThe stack is ready.\n")
    for label, text in rows.items():
        print(f"  {label:<8} {text}")
    print("\nCtrl-C ends it; the data stays.", flush=True)


if __name__ == "__main__":
    main()

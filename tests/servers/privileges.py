"""PostgreSQL refuses to run as root: how to start it without root's rights."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

NOBODY: Final = 65534
USER_NAMESPACE: Final = ("unshare", "--user")
DROPPED: Final = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def unprivileged() -> tuple[str, ...]:
    """The command prefix that sheds root's rights; nothing for an ordinary user.

    A user namespace is best, as root's own files stay readable in it. Where containers forbid it, the
    server runs as `nobody`, with binaries and data that were handed over to it.
    """
    if os.geteuid() != 0:
        return ()
    return USER_NAMESPACE if _works(USER_NAMESPACE) else DROPPED


def hand_over(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        shutil.chown(path, NOBODY, NOBODY)


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False

"""A full disk, without filling one: the kernel refuses to let a server's files grow past a size."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.servers import Server

MEGABYTE: Final = 1 << 20


@contextmanager
def full_disk(server: Server, size: int) -> Iterator[None]:
    """No file of the server and its children grows beyond `size` bytes; those that are larger stay so."""
    _limit(server, size)
    try:
        yield
    finally:
        _limit(server, resource.RLIM_INFINITY)


def _limit(server: Server, size: int) -> None:
    # The server first: what it starts from then on inherits the limit.
    if not server.running:
        return
    for pid in (server.pid, *_children(server.pid)):
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        except ProcessLookupError:
            continue


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

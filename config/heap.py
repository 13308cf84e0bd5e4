"""How glibc divides what the threads of a process allocate, and what it gives back of it."""

import ctypes
import os
import threading
import time
from functools import cache
from typing import Any, Final

M_ARENA_MAX: Final = -8  # of malloc.h
ARENAS: Final = 2
REST_SECONDS: Final = 60.0


def share_arenas() -> None:
    """Let threads use again what others gave back.

    Each would have an arena of its own, up to eight for a processor, and keep in it the most it ever held.
    To be called before there are threads at work. MALLOC_ARENA_MAX goes before; other C libraries have no
    arenas.
    """
    libc = _glibc()
    if libc is not None and "MALLOC_ARENA_MAX" not in os.environ:
        libc.mallopt(M_ARENA_MAX, ARENAS)


@cache
def give_back() -> None:
    """Once a minute, here and in processes forked from here, give the system the pages that nobody uses.

    By itself glibc gives back the end of a heap alone, so what a large file took stays with the process.
    It takes some milliseconds.
    """
    libc = _glibc()
    if libc is not None:
        _start(libc)
        os.register_at_fork(after_in_child=lambda: _start(libc))


def _start(libc: Any) -> None:
    threading.Thread(target=_trim, args=(libc,), name="heap", daemon=True).start()


def _trim(libc: Any) -> None:
    while True:
        time.sleep(REST_SECONDS)
        libc.malloc_trim(0)


def _glibc() -> Any:
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None

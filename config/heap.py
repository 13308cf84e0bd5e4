"""How glibc divides what the threads of a process allocate."""

import ctypes
import os
from typing import Final

M_ARENA_MAX: Final = -8  # of malloc.h
ARENAS: Final = 2


def share_arenas() -> None:
    """Let threads use again what others gave back.

    Each would have an arena of its own, up to eight for a processor, and keep in it the most it ever held.
    To be called before there are threads. MALLOC_ARENA_MAX goes before; other C libraries have no arenas.
    """
    libc = ctypes.CDLL(None)
    if "MALLOC_ARENA_MAX" not in os.environ and hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, ARENAS)

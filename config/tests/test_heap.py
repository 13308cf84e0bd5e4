"""A process of many threads keeps few arenas."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

# Eight threads that all hold something of the heap at once; then glibc's own account of its arenas.
SCRIPT = """
import ctypes, sys, threading
if sys.argv[2:]:
    from heap import share_arenas
    share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.fopen.restype = ctypes.c_void_p
barrier = threading.Barrier(8)
def hold():
    libc.malloc(ctypes.c_size_t(50_000))
    barrier.wait()
threads = [threading.Thread(target=hold) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas(directory: Path, *arguments: str, **environment: str) -> int:
    file = directory / "heaps"
    subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT, str(file), *arguments],
        cwd=Path(settings.BASE_DIR) / "config",  # alone, without the rest of the platform
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
    )
    return file.read_text().count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="Only glibc has arenas.")
def test_threads_share_two_arenas_unless_told_otherwise(tmp_path: Path) -> None:
    assert arenas(tmp_path) > 4
    assert arenas(tmp_path, "shared") == 2
    assert arenas(tmp_path, "shared", MALLOC_ARENA_MAX="3") == 3

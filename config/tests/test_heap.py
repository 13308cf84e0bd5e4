"""A process of many threads keeps few arenas, and not what it no longer uses."""

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


# Holds a hundred megabytes in small pieces, lets go of all but the last, and waits until the pages are given
# back, in a fork of the process that said so too; its exit status says whether they were.
KEPT = """
import ctypes, os, sys, time
import heap
heap.REST_SECONDS = 0.05
if sys.argv[1:]:
    heap.give_back()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
def lets_go():
    pieces = [libc.malloc(ctypes.c_size_t(100_000)) for _ in range(1000)]
    for piece in pieces:
        ctypes.memset(piece, 1, 100_000)
    held = resident()
    for piece in pieces[:-1]:
        libc.free(piece)
    deadline = time.monotonic() + float(sys.argv[1] if sys.argv[1:] else 0.5)
    while time.monotonic() < deadline:
        if resident() < held - 80_000_000:
            return 0
        time.sleep(0.01)
    return 1
if (child := os.fork()) == 0:
    os._exit(lets_go())
_, status = os.waitpid(child, 0)
sys.exit(lets_go() + 2 * os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="Only glibc is asked.")
@pytest.mark.parametrize(("arguments", "status"), [((), 3), (("30",), 0)])
def test_what_is_free_is_given_back_in_forks_too(arguments: tuple[str, ...], status: int) -> None:
    command = [sys.executable, "-S", "-c", KEPT, *arguments]
    done = subprocess.run(command, cwd=Path(settings.BASE_DIR) / "config", check=False)
    assert done.returncode == status

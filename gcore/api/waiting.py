"""`Prefer: wait=N`: an answer that waits a while for what a worker does."""

import re
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

from django.db import connection
from rest_framework.request import Request

from gcore.queries.reports import Report

DEFAULT_SECONDS: Final = 20
LONGEST_SECONDS: Final = 60
LOOK_SECONDS: Final = 0.25
# Of a process at a time, so that those who wait leave threads to everybody else; the others hear 202.
SEATS: Final = threading.BoundedSemaphore(4)
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def wait_of(request: Request, default: int) -> int:
    """The seconds that the caller is ready to wait."""
    preferred = request.headers.get("Prefer", "")
    found = _WAIT.search(preferred)
    if found is None:
        return 0 if "respond-async" in preferred.lower() else default
    return min(int(found[1]), LONGEST_SECONDS)


def waited(read: Callable[[], Report], seconds: int) -> Report:
    """The report once it has ended, or as it is after so many seconds. No connection is held meanwhile."""
    report = read()
    if not report.is_running or not seconds or not SEATS.acquire(blocking=False):
        return report
    try:
        deadline = monotonic() + seconds
        while report.is_running and monotonic() < deadline:
            if not connection.in_atomic_block:  # which only a test has around a request
                connection.close()
            sleep(LOOK_SECONDS)
            report = read()
    finally:
        SEATS.release()
    return report

"""Answers that are kept until the tenant's next deed."""

import hashlib
import time
from collections.abc import Callable, Sized
from typing import Final, TypeVar

from accounts.hints import hint, hint_set
from accounts.models import ActivityCounter, Tenant

KEEP_SECONDS: Final = 60
ANY: Final = -1
MOST: Final = 5000  # parts of an answer: what is larger is not kept

T = TypeVar("T", bound=Sized)


def kept(*, tenant: Tenant, name: str, make: Callable[[], T], slow_seconds: float | None = None) -> T:
    """What `make` answered since the tenant's last deed, or what it answers now.

    Every change of what is asked about is a deed and moves the counter in its own transaction, so what was
    kept before it counts no more, wherever it was made and whether Redis was there then or not. What took
    longer than `slow_seconds` to make is kept for KEEP_SECONDS through all deeds: a busy tenant has one a
    moment.
    """
    counter = ActivityCounter.objects.filter(tenant=tenant).values_list("last_seq", flat=True).first() or 0
    told = hashlib.sha256(name.encode()).hexdigest()  # a name may hold what a key may not
    key = f"kept:{tenant.pk}:{told}"
    found: tuple[int, T] | None = hint(key)
    if found is not None and found[0] in (counter, ANY):
        return found[1]
    started = time.monotonic()
    answer = make()
    is_slow = slow_seconds is not None and time.monotonic() - started > slow_seconds
    if len(answer) <= MOST:
        hint_set(key, (ANY if is_slow else counter, answer), KEEP_SECONDS)
    return answer

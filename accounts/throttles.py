"""Rate limits over a sliding window: per key or person, and per tenant.

Counted in Redis by `limits`, atomically, so that all processes share one count; in this process while
Redis is absent. A limit of two thousand and more is counted in small leases of a thousandth each, so
that a busy key does not cost a round trip per request; a key's default is counted one by one. A refusal is
remembered for about as long as it takes until a call would be let in again, and repeated at no cost.
"""

import threading
import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final

import redis
from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.errors import RateLimited, Unavailable
from accounts.principals import Principal
from accounts.redis_link import breaker

LEASES_PER_WINDOW: Final = 1000
LEASE_SECONDS: Final = 1.0
MAX_LEASES: Final = 10_000
REFUSED_CALLS: Final = 2  # a refusal holds until so many more would be let in,
REFUSED_SECONDS: Final = 1.0  # but never longer
WIDER: Final = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one limit stands after a call; `reset` is in epoch seconds."""

    name: str
    allowed: bool
    limit: int
    remaining: int
    reset: int

    @property
    def seconds_left(self) -> int:
        return max(0, self.reset - int(time.time()))

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.seconds_left}',
            "RateLimit-Policy": f'"{self.name}";q={self.limit};w={settings.RATE_LIMIT_WINDOW}',
        }

    def error(self) -> RateLimited:
        wait = max(1, self.seconds_left)
        return RateLimited(
            f"Rate limit of {self.limit} requests per {window_text()} exceeded",
            headers={"Retry-After": str(wait), **self.headers()},
            extra={
                "retry_after": wait,
                "limit": self.limit,
                "remaining": self.remaining,
                "reset_time": self.reset,
            },
        )


def window_text() -> str:
    return "minute" if settings.RATE_LIMIT_WINDOW == 60 else f"{settings.RATE_LIMIT_WINDOW} seconds"


@cache
def _shared() -> SlidingWindowCounterRateLimiter:
    timeout = settings.REDIS_TIMEOUT_SECONDS
    storage: Storage = storage_from_string(  # type: ignore[assignment]
        settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout, key_prefix="skyledger"
    )
    return SlidingWindowCounterRateLimiter(storage)


@cache
def _local() -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(MemoryStorage())


@dataclass(slots=True)
class Lease:
    """Calls that are counted already; of a refusal, none."""

    left: int
    until: float
    verdict: Verdict


class Limiter:
    """Counts calls; one instance per process."""

    def __init__(self) -> None:
        self._leases: dict[tuple[str, Hashable, int], Lease] = {}
        self._refuses_until = 0.0
        self._lock = threading.Lock()

    def hit(self, name: str, identity: Hashable, limit: int, *, scope: str = "api") -> Verdict:
        """Count one call of `identity` against `limit` per window, and say how it stands."""
        key = (name, identity, limit)
        with self._lock:
            lease = self._leases.get(key)
            if lease is not None and time.monotonic() < lease.until:
                if lease.left > 0:
                    lease.left -= 1
                    return lease.verdict
                if not lease.verdict.allowed:
                    return lease.verdict
        verdict, cost = self._count(name, str(identity), limit, scope)
        if not verdict.allowed:
            self._keep(key, Lease(0, time.monotonic() + _refused_seconds(limit), verdict))
        elif cost > 1:
            self._keep(key, Lease(cost - 1, time.monotonic() + LEASE_SECONDS, verdict))
        return verdict

    def take_leased(self, limits: Iterable[tuple[str, Hashable, int]]) -> list[Verdict]:
        """How all limits stand after a call that each has counted already; the one that was refused a moment
        ago; or none, and nothing is counted, if there is more to know.
        """
        with self._lock:
            leases = [self._leases.get(limit) for limit in limits]
            now = time.monotonic()
            held = [lease for lease in leases if lease is not None and now < lease.until]
            for lease in held:
                if not lease.verdict.allowed:
                    return [lease.verdict]
            if len(held) < len(leases) or not all(lease.left for lease in held):
                return []
            for lease in held:
                lease.left -= 1
            return [lease.verdict for lease in held]

    @property
    def refuses(self) -> bool:
        """Whether anybody was refused a moment ago, which is quicker to see than who."""
        return time.monotonic() < self._refuses_until

    def refusal(self, name: str, identity: Hashable, limit: int) -> Verdict | None:
        """What was refused a moment ago and would be again; nobody is asked, and nothing counted."""
        lease = self._leases.get((name, identity, limit))
        if lease is None or lease.verdict.allowed or time.monotonic() >= lease.until:
            return None
        return lease.verdict

    def _keep(self, key: tuple[str, Hashable, int], lease: Lease) -> None:
        with self._lock:
            if len(self._leases) >= MAX_LEASES:
                self._leases.clear()
            self._leases[key] = lease
            if not lease.verdict.allowed:
                self._refuses_until = max(self._refuses_until, lease.until)

    def _count(self, name: str, identity: str, limit: int, scope: str) -> tuple[Verdict, int]:
        item = RateLimitItemPerSecond(limit, settings.RATE_LIMIT_WINDOW)
        if breaker.closed:
            try:
                return _take(_shared(), item, name, identity)
            except redis.RedisError:
                breaker.trip()
        if settings.REDIS_URL and not settings.RATE_LIMIT_FAIL_OPEN[scope]:
            raise Unavailable("The rate limit cannot be counted right now; try again shortly.")
        return _take(_local(), item, name, identity)


def _refused_seconds(limit: int) -> float:
    """Short, so that what is let in by and by is not let in all at once."""
    return min(REFUSED_SECONDS, REFUSED_CALLS * settings.RATE_LIMIT_WINDOW / max(1, limit))


def _take(
    limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, name: str, identity: str
) -> tuple[Verdict, int]:
    """Take a lease if the limit is large enough for one and holds it, else count this one call."""
    for cost in sorted({max(1, item.amount // LEASES_PER_WINDOW), 1}, reverse=True):
        if allowed := limiter.hit(item, name, identity, cost=cost):
            break
    stats = limiter.get_window_stats(item, name, identity)
    return Verdict(name, allowed, item.amount, max(0, stats.remaining), int(stats.reset_time) + 1), cost


limiter = Limiter()
_remaining: Final = attrgetter("remaining")


def limits_of(principal: Principal) -> Iterator[tuple[str, Hashable, int]]:
    """(name, identity, limit) of each limit that applies to a caller."""
    if principal.platform:
        yield "admin", principal.actor, settings.RATE_LIMIT_ADMIN
        return
    if principal.kind == "api_key":
        yield "key", principal.key_id, _or_setting(principal.rate_limit, settings.RATE_LIMIT_API_KEY)
    elif principal.user is not None:
        yield "user", principal.user.pk, settings.RATE_LIMIT_DEFAULT
    if principal.tenant is not None:
        tenant = principal.tenant
        yield "tenant", tenant.pk, _or_setting(tenant.rate_limit, settings.RATE_LIMIT_TENANT)


def _or_setting(own: int | None, setting: int) -> int:
    return setting if own is None else own


def throttle(principal: Principal, *, scope: str = "api") -> Verdict | None:
    """Count a call against all its limits; the tightest one, or RateLimited."""
    tightest: Verdict | None = None
    for name, identity, limit in limits_of(principal):
        verdict = limiter.hit(name, identity, limit, scope=scope)
        if not verdict.allowed:
            raise verdict.error()
        if tightest is None or verdict.remaining < tightest.remaining:
            tightest = verdict
    return tightest


def throttle_at_once(principal: Principal) -> Verdict | None:
    """As `throttle`, if this process can tell by itself; None, and nothing is counted, if Redis has to."""
    verdict = min(limiter.take_leased(limits_of(principal)), key=_remaining, default=None)
    if verdict is not None and not verdict.allowed:
        raise verdict.error()
    return verdict


def refusal(principal: Principal) -> Verdict | None:
    """The limit by which a caller was refused a moment ago, if one still holds."""
    found = (limiter.refusal(*limit) for limit in limits_of(principal))
    return next((verdict for verdict in found if verdict is not None), None)


def throttle_sign_in(address: str, account: str, *, guessed: bool = True) -> Verdict:
    """20 attempts a minute per address and account, whatever the outcome, or RateLimited.

    Where a password may be `guessed`, also thrice as many per address, over all accounts, and per account,
    from all addresses. Nobody is locked out for longer than the window.
    """
    account = account.strip().lower()[:254]
    few, many = settings.RATE_LIMIT_SIGN_IN, WIDER * settings.RATE_LIMIT_SIGN_IN
    limits = [("sign-in", f"{address}|{account}", few)]
    if guessed:
        limits = [("sign-in-address", address, many), ("sign-in-account", account, many), *limits]
    for limit in limits:
        verdict = limiter.hit(*limit, scope="sign_in")
        if not verdict.allowed:
            raise verdict.error()
    return verdict


class PrincipalThrottle(BaseThrottle):
    """DRF's hook: every API view counts, unless it names its own `throttle_classes`."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, Principal):
            verdict = throttle(request.auth)
            request._request.rate_verdict = verdict  # type: ignore[attr-defined]
        return True

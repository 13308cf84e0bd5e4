"""Access tokens, kept in the cache until they expire and made by one caller at a time.

Without Redis they live in this process; so they do while a configured Redis is away.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import sleep
from typing import Any, Final, TypeVar

import jwt
import redis
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from accounts.redis_link import breaker
from accounts.signing import seal, unseal
from gcore.errors import PermanentError, TransientError
from gcore.metrics import TOKENS

MARGIN_SECONDS: Final = 60.0
LOCK_SECONDS: Final = 60  # longer than a login takes with all its attempts
POLL_SECONDS: Final = 0.05
REFUSED_SECONDS: Final = 30  # for so long wrong credentials are not tried again: Gcore limits logins
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token, the refresh token that works once, and when each ends (Unix time)."""

    access: str
    refresh: str
    access_until: float
    refresh_until: float

    @classmethod
    def of(cls, answer: Any) -> "Pair":
        """From Gcore's answer. Errors: PermanentError when there is no token in it."""
        answer = answer if isinstance(answer, dict) else {}
        access, refresh = (answer.get(name) or "" for name in ("access", "refresh"))
        if not isinstance(access, str) or not access or not isinstance(refresh, str):
            raise PermanentError("Gcore answered a login without an access token.")
        return cls(access, refresh, _expiry(access), _expiry(refresh) if refresh else 0.0)

    @property
    def is_good(self) -> bool:
        return self.access_until - time.time() > MARGIN_SECONDS

    @property
    def is_refreshable(self) -> bool:
        return self.refresh_until - time.time() > MARGIN_SECONDS


def _expiry(token: str) -> float:
    """The token's own `exp`; one that does not say is kept for TOKEN_CACHE_DURATION."""
    try:
        return float(jwt.decode(token, options={"verify_signature": False})["exp"])
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return time.time() + settings.GCORE_TOKEN_SECONDS


class TokenKeeper:
    """The token pair under one key: `obtain` makes one, `exchange` makes one from a refresh token."""

    def __init__(self, key: str, obtain: Callable[[], Pair], exchange: Callable[[str], Pair]) -> None:
        self._key = f"gcore-token:{key}"
        self._obtain = obtain
        self._exchange = exchange

    def access(self, *, instead_of: str = "") -> str:
        """A token that works, other than the one that Gcore has just refused."""
        held = self._held()
        if held and held.is_good and held.access != instead_of:
            TOKENS.labels("cache").inc()
            return held.access
        with _locked(f"{self._key}:lock"):
            return self._renewed(instead_of)

    def _renewed(self, instead_of: str) -> str:
        held = self._held()
        if held and held.is_good and held.access != instead_of:  # others waited for it too
            TOKENS.labels("cache").inc()
            return held.access
        pair = self._exchanged(held) if held and held.access != instead_of else None
        pair = pair or self._obtained()
        text = seal(json.dumps(asdict(pair)))
        seconds = int(max(pair.access_until, pair.refresh_until) - time.time())
        _shelved(lambda shelf: shelf.set(self._key, text, max(seconds, 1)))
        return pair.access

    def _exchanged(self, held: Pair) -> Pair | None:
        """None when the refresh token has been used or has expired."""
        if not held.is_refreshable:
            return None
        try:
            pair = self._exchange(held.refresh)
        except PermanentError:
            return None
        TOKENS.labels("refresh").inc()
        return pair

    def _obtained(self) -> Pair:
        refused = _shelved(lambda shelf: shelf.get(f"{self._key}:refused"))
        if refused:
            raise PermanentError(refused)
        try:
            pair = self._obtain()
        except PermanentError as error:
            message = error.message
            _shelved(lambda shelf: shelf.set(f"{self._key}:refused", message, REFUSED_SECONDS))
            raise
        TOKENS.labels("login").inc()
        return pair

    def _held(self) -> Pair | None:
        text = _shelved(lambda shelf: shelf.get(self._key))
        try:
            return Pair(**json.loads(unseal(text))) if text else None
        except InvalidToken:  # sealed with a key that is no longer ours
            return None


def _shelved(do: Callable[[BaseCache], T]) -> T:
    if breaker.closed:
        try:
            return do(caches["default"])
        except redis.RedisError:
            breaker.trip()
    return do(caches["local"])


@contextmanager
def _locked(key: str) -> Iterator[None]:
    """One holder at a time; one that outlived its time costs a second login and nothing else."""
    mine = secrets.token_hex(8)
    deadline = time.monotonic() + LOCK_SECONDS
    while not _shelved(lambda shelf: shelf.add(key, mine, LOCK_SECONDS)):
        if time.monotonic() > deadline:
            raise TransientError("Another process has been signing in at Gcore for too long.")
        sleep(POLL_SECONDS)
    try:
        yield
    finally:
        if _shelved(lambda shelf: shelf.get(key)) == mine:
            _shelved(lambda shelf: shelf.delete(key))

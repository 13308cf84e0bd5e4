"""From a key as sent to the caller behind it, with a short memory in the process.

A revoked key is forgotten at once in this process and within CACHE_SECONDS in every other. While the
database is away, a key seen in the last STALE_SECONDS still works, unless Redis says it was revoked.
"""

import dataclasses
import hashlib
import hmac
import secrets
import threading
import time
import zlib
from concurrent.futures import Future
from datetime import timedelta
from typing import Final
from uuid import UUID

import redis
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from accounts.errors import InvalidApiKey
from accounts.models import ApiKey
from accounts.principals import Principal, granted
from accounts.redis_link import breaker, client

CACHE_SECONDS: Final = 10.0
STALE_SECONDS: Final = 900.0
RETRY_SECONDS: Final = 2.0  # how long known keys serve before a database that was away is asked again
ASK_SECONDS: Final = 10.0  # longer than a database that is away keeps the caller who asks waiting
LAST_USED_EVERY: Final = timedelta(minutes=1)
MAX_CACHED: Final = 10_000
REVOKED_KEY: Final = "skyledger:revoked-key:"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_key() -> str:
    """`sky_<prefix>_<secret>`: 32 random characters and a checksum that scanners can verify."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(32))
    body = f"sky_{prefix}_{secret}"
    return f"{body}{zlib.crc32(body.encode()):08x}"


def hash_key(key: str) -> str:
    return hmac.new(settings.API_KEY_PEPPER.encode(), key.encode(), hashlib.sha256).hexdigest()


def prefix_of(key: str) -> str:
    """The public part of our own keys; for keys of another make, the start of their hash."""
    parts = key.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == "sky" and len(parts[1]) == 12 else hash_key(key)[:12]


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    principal: Principal
    loaded_at: float
    fresh_until: float


class Keyring:
    """The process's memory of keys, by their hash; the key itself is never kept."""

    def __init__(self) -> None:
        self._known: dict[bytes, Entry] = {}
        self._asking: dict[bytes, Future[Entry]] = {}
        self._lock = threading.Lock()
        self._away_until = 0.0

    def known(self, key: str) -> Principal | None:
        """The caller behind a key that was used a moment ago; nobody is asked."""
        entry = self._known.get(_digest(key))
        if entry is None or time.monotonic() > entry.fresh_until or _has_expired(entry.principal):
            return None
        return entry.principal

    def principal(self, key: str) -> Principal:
        """The caller behind a key, or InvalidApiKey."""
        digest = _digest(key)
        entry = self._known.get(digest)
        if entry is None or time.monotonic() > entry.fresh_until:
            entry = self._refresh(digest, key, entry)
        principal = entry.principal
        if _has_expired(principal):
            raise InvalidApiKey
        return principal

    def forget(self, key_id: UUID) -> None:
        with self._lock:
            self._known = {d: e for d, e in self._known.items() if e.principal.key_id != key_id}

    def clear(self) -> None:
        with self._lock:
            self._known = {}
            self._away_until = 0.0

    def _refresh(self, digest: bytes, key: str, old: Entry | None) -> Entry:
        """Read the key again. While the database is away one caller asks now and then, and only they wait."""
        now = time.monotonic()
        if old is not None and now < self._away_until and _is_good(old, now):
            entry = dataclasses.replace(old, fresh_until=min(now + RETRY_SECONDS, self._away_until))
        else:
            entry = self._ask_once(digest, key, old, now)
        with self._lock:
            if len(self._known) >= MAX_CACHED:
                self._known = {}
            self._known[digest] = entry
        return entry

    def _ask_once(self, digest: bytes, key: str, old: Entry | None, now: float) -> Entry:
        """Calls that need the same key at once share one question; each would queue for the row's lock."""
        with self._lock:
            answer = self._asking.get(digest)
            leads = answer is None
            if answer is None:
                answer = self._asking[digest] = Future()
        if leads:
            try:
                answer.set_result(self._ask(digest, key, old, now))
            except BaseException as error:
                answer.set_exception(error)
            finally:
                with self._lock:
                    del self._asking[digest]
        return answer.result()

    def _ask(self, digest: bytes, key: str, old: Entry | None, now: float) -> Entry:
        if self._away_until:
            self._away_until = now + ASK_SECONDS
        try:
            found = load(key)
        except DatabaseError:
            self._away_until = time.monotonic() + RETRY_SECONDS
            if old is None or not _is_good(old, now):
                raise
            return dataclasses.replace(old, fresh_until=self._away_until)
        self._away_until = 0.0
        if found is None:
            self._known.pop(digest, None)
            raise InvalidApiKey
        return Entry(found, loaded_at=now, fresh_until=now + CACHE_SECONDS)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def _has_expired(principal: Principal) -> bool:
    return principal.expires_at is not None and principal.expires_at <= timezone.now()


def _is_good(entry: Entry, now: float) -> bool:
    """May a key be used that the database cannot be asked for?"""
    return now - entry.loaded_at <= STALE_SECONDS and not _was_revoked(entry.principal)


def load(key: str) -> Principal | None:
    """Read a live key from the database and note its use."""
    if not 8 <= len(key) <= 255 or not key.isascii():
        return None
    now = timezone.now()
    wanted = hash_key(key)
    rows = (
        ApiKey.objects.live()
        .filter(prefix=prefix_of(key), tenant__is_active=True)
        .exclude(user__is_active=False)
        .select_related("tenant", "user")
    )
    row = next((r for r in rows if hmac.compare_digest(r.key_hash, wanted)), None)
    if row is None:
        return None
    if row.last_used_at is None or row.last_used_at < now - LAST_USED_EVERY:
        ApiKey.objects.filter(pk=row.pk, tenant=row.tenant).update(last_used_at=now)
    return Principal(
        kind="api_key",
        actor=f"key:{row.prefix}",
        tenant=row.tenant,
        scopes=granted(row.scopes),
        user=row.user,
        key_id=row.id,
        key_prefix=row.prefix,
        rate_limit=row.rate_limit,
        expires_at=row.expires_at,
    )


def announce_revoked(key_id: UUID) -> None:
    """After the commit of a revocation: forget it here, and leave word for when the database is away."""
    keyring.forget(key_id)
    if not breaker.closed:
        return
    try:
        client().set(f"{REVOKED_KEY}{key_id}", 1, ex=int(STALE_SECONDS))
    except redis.RedisError:
        breaker.trip()


def _was_revoked(principal: Principal) -> bool:
    """True also when nobody can tell: without database and Redis no key is good."""
    if not breaker.closed:
        return True
    try:
        return bool(client().exists(f"{REVOKED_KEY}{principal.key_id}"))
    except redis.RedisError:
        breaker.trip()
        return True


keyring = Keyring()

"""A good key costs one look; a bad one is refused, also while the database is away."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from django.utils import timezone

from accounts import keyring as module
from accounts.errors import InvalidApiKey
from accounts.keyring import announce_revoked, hash_key, keyring, new_key, prefix_of
from accounts.models import ApiKey, Tenant, User
from accounts.principals import Principal
from tests.builders import make_key

pytestmark = pytest.mark.django_db


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: Any) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def away(monkeypatch: Any) -> Callable[[], None]:
    """`away()`: from here on the database does not answer the keyring."""

    def gone(key: str) -> None:
        raise OperationalError("gone")

    return lambda: monkeypatch.setattr(module, "load", gone)


def test_keys_are_long_random_and_checkable() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    for key in keys:
        head, prefix, secret = key.split("_")
        assert (head, len(prefix), len(secret)) == ("sky", 12, 40)
        assert prefix_of(key) == prefix
    assert prefix_of("dev-key-12345") == hash_key("dev-key-12345")[:12]


@pytest.mark.parametrize(
    "change",
    [
        {"revoked_at": "2026-01-01T00:00:00Z"},
        {"expires_at": "2026-01-01T00:00:00Z"},
    ],
)
def test_an_ended_key_is_refused(acme: Tenant, change: dict[str, str]) -> None:
    _, text = make_key(acme, "read", **change)
    with pytest.raises(InvalidApiKey):
        keyring.principal(text)


def test_a_key_of_an_inactive_tenant_or_person_is_refused(acme: Tenant, member: User) -> None:
    _, own = make_key(acme, "read", user=member)
    _, shared = make_key(acme, "read")
    User.objects.update(is_active=False)
    with pytest.raises(InvalidApiKey):
        keyring.principal(own)
    assert keyring.principal(shared).tenant == acme
    Tenant.objects.update(is_active=False)
    keyring.clear()
    with pytest.raises(InvalidApiKey):
        keyring.principal(shared)


@pytest.mark.parametrize(
    "spoil", [lambda k: k[:-1], lambda k: k + "0", lambda k: k.swapcase(), lambda k: "é" + k]
)
def test_nearly_a_key_is_none(acme: Tenant, spoil: Any) -> None:
    _, text = make_key(acme, "read")
    with pytest.raises(InvalidApiKey):
        keyring.principal(spoil(text))


def test_a_known_key_asks_the_database_once(acme: Tenant, django_assert_num_queries: Any) -> None:
    _, text = make_key(acme, "read")
    keyring.principal(text)
    with django_assert_num_queries(0):
        for _ in range(100):
            keyring.principal(text)


def test_calls_that_come_at_once_ask_together(acme: Tenant, monkeypatch: Any) -> None:
    """Each would write the key's last use and queue for the lock on its row."""
    _, text = make_key(acme, "read")
    found, all_here, asked = module.load(text), threading.Barrier(8), []

    def slow(key: str) -> Principal | None:
        asked.append(key)
        time.sleep(0.2)  # the others come meanwhile; were one late, it would find the answer kept
        return found

    def call(_: int) -> Principal:
        all_here.wait()
        return keyring.principal(text)

    monkeypatch.setattr(module, "load", slow)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(8))) == [found] * 8
    assert asked == [text]


def test_its_use_is_noted_at_most_once_a_minute(acme: Tenant) -> None:
    row, text = make_key(acme, "read")
    keyring.principal(text)
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    keyring.clear()
    keyring.principal(text)
    row.refresh_from_db()
    assert row.last_used_at == first


def test_an_expiry_is_noticed_while_the_key_is_remembered(acme: Tenant) -> None:
    import time_machine

    _, text = make_key(acme, "read", expires_at=timezone.now() + timedelta(seconds=30))
    keyring.principal(text)
    with time_machine.travel(timezone.now() + timedelta(seconds=31)), pytest.raises(InvalidApiKey):
        keyring.principal(text)


def test_a_key_revoked_elsewhere_is_refused_within_seconds(acme: Tenant, clock: Clock) -> None:
    row, text = make_key(acme, "read")
    keyring.principal(text)
    ApiKey.objects.filter(pk=row.pk).update(revoked_at=timezone.now())
    clock.now += module.CACHE_SECONDS - 0.1
    keyring.principal(text)
    clock.now += 0.2
    with pytest.raises(InvalidApiKey):
        keyring.principal(text)
    assert module.CACHE_SECONDS <= 30


def test_without_the_database_a_stranger_learns_nothing(acme: Tenant, away: Any) -> None:
    _, text = make_key(acme, "read")
    away()
    with pytest.raises(OperationalError):
        keyring.principal(text)


@pytest.mark.full
def test_a_known_key_outlives_the_database_for_a_while(acme: Tenant, clock: Clock, away: Any) -> None:
    _, text = make_key(acme, "read")
    keyring.principal(text)
    away()
    clock.now += module.STALE_SECONDS - 1
    assert keyring.principal(text).tenant == acme
    clock.now += 2 + module.RETRY_SECONDS
    with pytest.raises(OperationalError):
        keyring.principal(text)


@pytest.mark.full
def test_a_database_that_is_away_is_asked_by_one_caller_now_and_then(
    acme: Tenant, clock: Clock, monkeypatch: Any
) -> None:
    keys = [make_key(acme, "read")[1] for _ in range(2)]
    for text in keys:
        keyring.principal(text)
    asked = []

    def gone(key: str) -> None:
        asked.append(key)
        clock.now += 5  # as long as a connection is waited for
        keyring.principal(keys[1])
        raise OperationalError("gone")

    monkeypatch.setattr(module, "load", gone)
    keyring._away_until = clock.now
    clock.now += module.CACHE_SECONDS + 1
    keyring.principal(keys[0])
    assert asked == [keys[0]]
    keyring.principal(keys[1])
    assert asked == [keys[0]]
    clock.now += module.RETRY_SECONDS + 0.1
    keyring.principal(keys[0])
    assert asked == [keys[0]] * 2


@pytest.mark.full
def test_a_revoked_key_does_not_outlive_the_database(acme: Tenant, clock: Clock, away: Any) -> None:
    row, text = make_key(acme, "read")
    keyring.principal(text)
    remembered = dict(keyring._known)
    announce_revoked(row.pk)
    keyring._known = remembered  # as in a process that was told nothing
    away()
    clock.now += module.CACHE_SECONDS + 1
    with pytest.raises(OperationalError):
        keyring.principal(text)


def test_without_database_and_redis_no_key_is_good(
    acme: Tenant, clock: Clock, away: Any, settings: Any
) -> None:
    _, text = make_key(acme, "read")
    keyring.principal(text)
    away()
    settings.REDIS_URL = ""
    clock.now += module.CACHE_SECONDS + 1
    with pytest.raises(OperationalError):
        keyring.principal(text)


def test_who_is_known_without_a_question(acme: Tenant, clock: Clock, django_assert_num_queries: Any) -> None:
    """As long as a revocation elsewhere may stay unheard, and not beyond the key's own end."""
    secret = make_key(acme, "ingest")[1]
    ends = timezone.now() + timedelta(hours=1)
    ending = make_key(acme, "read", expires_at=ends)[1]
    assert keyring.known(secret) is None
    for key in (secret, ending):
        keyring.principal(key)
    with django_assert_num_queries(0):
        assert [known and known.home for known in map(keyring.known, (secret, ending))] == [acme, acme]
        with time_machine.travel(ends, tick=False):
            assert (keyring.known(secret) is None, keyring.known(ending)) == (False, None)
        clock.now += module.CACHE_SECONDS + 0.1
        assert keyring.known(secret) is None

"""The stream loses nothing, repeats nothing, and ends for whoever may not listen any more."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError
from rest_framework_simplejwt.tokens import AccessToken

from accounts import consumers, feed
from accounts.models import ActivityEntry, Membership, Tenant, User
from accounts.principals import SYSTEM
from accounts.queries import activity_since
from accounts.services.revocation import api_keys_revoke
from accounts.services.tenants import member_of, member_remove
from accounts.tests.listening import Client, in_database, play, silently
from accounts.tests.outbox import START, happen
from tests.browser import browser
from tests.builders import make_key, make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two questions the test's own transaction stays open."""
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)


@pytest.fixture
def listener(acme: Tenant, key: Callable[..., str]) -> Callable[..., Client]:
    """`listener("since=3")`: a client of acme with a key that may read."""
    secret = key("read")
    return lambda query="", **headers: Client(acme, query, x_api_key=secret, **headers)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pings every 20 ms, and a look at each."""
    monkeypatch.setattr(consumers, "PING_SECONDS", 0.02)
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.0)


def jwt(user: User) -> str:
    token = AccessToken()
    token["sub"], token["pwd"] = str(user.pk), user.password_mark
    return f"Bearer {token}"


def test_what_is_committed_is_pushed(acme: Tenant, listener: Any, committed: Any) -> None:
    rival = make_tenant("other")

    def deeds() -> None:
        with committed(execute=True):
            happen(rival, "rival.done")
            happen(acme, "test.done", n=1)

    async def scenario() -> None:
        async with listener() as client:
            hello = await client.next()
            assert (hello["type"], hello["last_seq"], hello["organization_id"]) == ("connected", 0, "acme")
            await silently(acme, "uncommitted.done")
            assert client.untold == 0
            await in_database(deeds)
            assert (await client.next())["type"] == "uncommitted.done"
            told = await client.next()
            assert (told["type"], told["seq"], told["payload"]) == ("test.done", 2, {"n": 1})
            assert client.untold == 0

    play(scenario)


def test_without_a_wake_the_ping_looks(acme: Tenant, listener: Any, often: None) -> None:
    async def scenario() -> None:
        async with listener() as client:
            await client.next()
            await silently(acme, "one.done", "two.done")
            assert [(await client.next())["type"] for _ in range(2)] == ["one.done", "two.done"]
            await client.ping()
            assert client.untold == 0

    play(scenario)


@pytest.mark.parametrize(
    ("since", "first", "told"),
    [
        ("", "none", []),
        ("5", "none", []),
        ("3", 4, [4, 5]),
        ("2", 3, [3, 4, 5]),
        ("1", "resync", []),
        ("0", "resync", []),
        ("6", "resync", []),
        ("x", "resync", []),
        ("99999999999999999999", "resync", []),
    ],
)
def test_since(acme: Tenant, listener: Any, often: None, since: str, first: Any, told: list[int]) -> None:
    """Five entries, of which the first two are cleared away."""
    for _ in range(5):
        happen(acme)
    ActivityEntry.objects.filter(seq__lte=2).delete()

    async def scenario() -> None:
        async with listener(f"since={since}") as client:
            assert (await client.next())["last_seq"] == 5
            if first == "resync":
                message = await client.next()
                assert (message["type"], message["last_seq"]) == ("resync", 5)
            assert [(await client.next())["seq"] for _ in told] == told
            await silently(acme)
            assert (await client.next())["seq"] == 6

    play(scenario)


def test_since_where_nothing_is_kept(acme: Tenant, listener: Any, often: None) -> None:
    for _ in range(3):
        happen(acme)
    ActivityEntry.objects.all().delete()

    async def told(since: int) -> str:
        async with listener(f"since={since}") as client:
            await client.next()
            await silently(acme)
            return str((await client.next())["type"])

    async def scenario() -> None:
        assert [await told(since) for since in (0, 2)] == ["resync", "resync"]
        assert await told(5) == "test.done"

    play(scenario)


def test_a_reader_whose_next_entry_is_cleared_away_is_told(acme: Tenant, listener: Any, often: None) -> None:
    def deeds() -> None:
        for _ in range(3):
            happen(acme)
        ActivityEntry.objects.filter(seq__lte=2).delete()

    async def scenario() -> None:
        async with listener() as client:
            await client.next()
            await in_database(deeds)
            message = await client.next()
            assert (message["type"], message["last_seq"]) == ("resync", 3)
            await silently(acme)
            assert (await client.next())["seq"] == 4

    play(scenario)


def test_a_removed_member_hears_nothing_more(acme: Tenant, member: User, often: None) -> None:
    """Not even of the removal, or of what came with it."""

    def deeds() -> None:
        member_remove(by=SYSTEM, member=member_of(tenant=acme, user_id=member.pk))
        happen(acme, "secret.done")

    async def scenario() -> None:
        async with Client(acme, authorization=jwt(member)) as client:
            assert (await client.next())["role"] == "member"
            await in_database(deeds)
            assert await client.next() == {"type": "websocket.close", "code": 1008}
            assert client.untold == 0

    play(scenario)


def test_a_revoked_key_hears_nothing_more(acme: Tenant, committed: Any, often: None) -> None:
    row, secret = make_key(acme, "read")

    def deeds() -> None:
        with committed(execute=True):
            api_keys_revoke(by=SYSTEM, keys=[row])

    async def scenario() -> None:
        async with Client(acme, x_api_key=secret) as client:
            await client.next()
            await in_database(deeds)
            assert await client.next() == {"type": "websocket.close", "code": 1008}

    play(scenario)


def test_a_token_ends_its_socket_in_the_second_that_it_expires(acme: Tenant, member: User) -> None:
    """And not only at the next ping, 25 s later."""
    with time_machine.travel(START, tick=True) as clock:
        header = jwt(member)

        async def scenario() -> None:
            async with Client(acme, authorization=header) as client:
                await client.next()
                assert await client.next() == {"type": "websocket.close", "code": 1008}

        clock.shift(timedelta(minutes=30) - timedelta(seconds=1))
        play(scenario)


@pytest.mark.parametrize("end", ["sign out", "new password", "deactivated"])
def test_a_browser_is_let_go_with_its_session(acme: Tenant, owner: User, often: None, end: str) -> None:
    person = browser(owner)
    cookie = f"sessionid={person.cookies['sessionid'].value}"

    def ends() -> None:
        if end == "sign out":
            person.post("/console/sign-out")
        elif end == "new password":
            owner.set_password("another good password")
            owner.save()
        else:
            User.objects.filter(pk=owner.pk).update(is_active=False)

    async def scenario() -> None:
        async with Client(acme, cookie=cookie, origin="http://testserver") as client:
            assert (await client.next())["role"] == "owner"
            await client.ping()
            await in_database(ends)
            assert await client.next() == {"type": "websocket.close", "code": 1008}

    play(scenario)


@pytest.mark.parametrize(
    ("origin", "is_open"),
    [
        ("http://testserver", True),
        ("https://console.acme.example", True),
        ("https://evil.example", False),
        ("http://testserver.evil.example", False),
        ("null", False),
    ],
)
def test_origins(acme: Tenant, listener: Any, origin: str, is_open: bool) -> None:
    Tenant.objects.filter(pk=acme.pk).update(cors_origins=["https://console.acme.example"])

    async def scenario() -> None:
        async with listener(origin=origin) as client:
            assert (await client.next())["type"] == ("connected" if is_open else "websocket.close")

    play(scenario)


def test_an_idle_hour(acme: Tenant, listener: Any, often: None) -> None:
    """Its 144 pings leave nothing behind, and the next entry still comes."""

    async def scenario() -> None:
        async with listener() as client:
            await client.next()
            for _ in range(144):
                await client.ping()
            tasks = len(asyncio.all_tasks())
            await silently(acme)
            assert (await client.next())["seq"] == 1
            assert len(asyncio.all_tasks()) <= tasks

    play(scenario)


def test_a_client_that_does_not_read_is_let_go(
    acme: Tenant, listener: Any, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SLOW_SECONDS", 0.05)

    async def scenario() -> None:
        async with listener() as client:
            await client.next()
            client.reads.clear()
            await silently(acme)
            await asyncio.wait_for(asyncio.shield(client.serving), 5)
            assert client.untold == 0  # nothing was heaped up for it

    play(scenario)


def test_a_database_that_is_away_for_a_moment(
    acme: Tenant, listener: Any, often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def fails(*args: Any, **kwargs: Any) -> Any:
        asked.append(1)
        if len(asked) < 3:
            raise DatabaseError
        return activity_since(*args, **kwargs)

    monkeypatch.setattr(feed, "activity_since", fails)

    async def scenario() -> None:
        async with listener() as client:
            await client.next()
            await silently(acme, "first.done", "second.done")
            assert [(await client.next())["type"] for _ in range(2)] == ["first.done", "second.done"]

    play(scenario)


def test_sockets_of_a_tenant_share_one_look(
    acme: Tenant, listener: Any, committed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def look(tenant: Tenant, since: int, limit: int) -> list[ActivityEntry]:
        looks.append(since)
        return activity_since(tenant, since=since, limit=limit)

    monkeypatch.setattr(feed, "activity_since", look)

    def deeds() -> None:
        with committed(execute=True):
            happen(acme)

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(listener()) for _ in range(20)]
            for client in clients:
                await client.next()
            looks.clear()
            await in_database(deeds)
            assert [(await client.next())["seq"] for client in clients] == [1] * 20

    play(scenario)
    assert len(looks) <= 5  # each wake may find another one at work


def test_nobody_is_kept_awake_once_all_have_left(acme: Tenant, listener: Any) -> None:
    async def scenario() -> None:
        async with listener(), listener() as client:
            await client.next()
            assert len(feed.hub()._feeds) == 1
        assert feed.hub()._feeds == {}
        assert feed.hub()._listening is None

    play(scenario)


def test_a_viewer_listens_and_a_stranger_does_not(acme: Tenant, viewer: User, stranger: User) -> None:
    async def scenario() -> None:
        for user, first in ((viewer, "connected"), (stranger, "websocket.close")):
            async with Client(acme, authorization=jwt(user)) as client:
                assert (await client.next())["type"] == first

    play(scenario)
    assert Membership.objects.filter(user=stranger, tenant=acme).count() == 0

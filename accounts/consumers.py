"""The activity stream of a tenant over a WebSocket."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.db import DatabaseError
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.authentication import credential_principal
from accounts.errors import AppError, AuthenticationRequired, PermissionRefused
from accounts.feed import Feed, hub
from accounts.models import ActivityEntry, Tenant, User
from accounts.principals import SHARED, Principal, user_principal
from accounts.queries import activity_is_kept, activity_last, activity_seen
from accounts.wire import encode

PING_SECONDS: Final = 25.0
# A client that takes nothing for so long, while its share of the server's buffer is full, is let go.
SLOW_SECONDS: Final = 20.0
POLICY_VIOLATION: Final = 1008
TRY_AGAIN_LATER: Final = 1013
SUBPROTOCOL: Final = "bearer"
# After these somebody may have lost their place here: it is looked at before anything more is told.
RIGHTS: Final = frozenset(
    {
        "api_key.revoked", "member.removed", "member.role_changed", "tenant.updated", "user.deactivated",
        "user.platform_changed",
    }
)  # fmt: skip
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
log = structlog.get_logger(__name__)


async def activity_stream(scope: Message, receive: Receive, send: Send) -> None:
    """First `connected`, then the tenant's entries as they happen, and `ping` every 25 s.

    `?since=SEQ` starts after that entry instead of now; `resync` says that it is not kept any more. Who may
    no longer listen is told with 1008.
    """
    await receive()  # that it connects
    socket = Socket(scope, send)
    await socket.accept()
    following = asyncio.create_task(socket.follow())
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((following, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not following.done():
            following.cancel()
        await asyncio.gather(leaving, following, return_exceptions=True)
    if not following.cancelled():
        following.result()


async def _gone(receive: Receive) -> None:
    """Until the client leaves; it may answer a ping, and nothing that it sends matters."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


class Socket:
    """One connection, from the moment that it is accepted."""

    principal: Principal
    feed: Feed
    seq = 0

    def __init__(self, scope: Message, send: Send) -> None:
        self.scope = scope
        self._send = send
        self.organization_id: str = scope["url_route"]["kwargs"]["organization_id"]

    async def accept(self) -> None:
        chosen = SUBPROTOCOL if SUBPROTOCOL in self.scope["subprotocols"] else None
        # Never the token, which may be among them.
        await self._send({"type": "websocket.accept", "subprotocol": chosen})

    async def follow(self) -> None:
        """Tell what happens until the client is gone, too slow, or not to be told any more."""
        try:
            await self._follow()
        except TimeoutError:
            log.warning("activity_reader_slow", organization=self.organization_id, seq=self.seq)
        except AppError:
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
        except DatabaseError as error:
            log.warning("activity_not_opened", error=type(error).__name__)
            await self._send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        except OSError:  # how the server says that the client has left
            return

    async def _follow(self) -> None:
        self.principal, last_seq = await database_sync_to_async(self._open)()
        with hub().following(self.principal.home) as (self.feed, woken):
            await self._greet(last_seq)
            await self._catch_up()
            ping_at = time.monotonic() + PING_SECONDS
            while True:
                if await self._is_woken(woken, ping_at):
                    await self._catch_up()
                    continue
                await self._check()
                if time.monotonic() >= ping_at:
                    self.feed.look()
                    await self._catch_up()
                    await self._tell("ping")
                    ping_at += PING_SECONDS

    async def _greet(self, last_seq: int) -> None:
        user_id = str(self.principal.user.pk) if self.principal.user else self.principal.actor
        await self._tell("connected", user_id=user_id, role=self.principal.role, last_seq=last_seq)
        since = self._query("since")
        self.seq = last_seq
        if not since:
            return
        known = since.isdecimal() and len(since) < 19
        if known and await database_sync_to_async(activity_is_kept)(self.principal.home, since=int(since)):
            self.seq = int(since)
        else:
            await self._tell("resync", last_seq=last_seq)

    async def _is_woken(self, woken: asyncio.Event, ping_at: float) -> bool:
        """Wait for news until the next ping, or until the credential expires."""
        seconds = ping_at - time.monotonic()
        if self.principal.expires_at is not None:
            seconds = min(seconds, (self.principal.expires_at - timezone.now()).total_seconds())
        try:
            async with asyncio.timeout(max(seconds, 0.01)):
                await woken.wait()
        except TimeoutError:
            return False
        woken.clear()
        return True

    async def _check(self) -> None:
        """Errors: AppError for who may no longer listen. While nobody can tell, the next ping asks again."""
        try:
            self.principal = await database_sync_to_async(self._admit)()
        except DatabaseError as error:
            log.warning("activity_check_failed", error=type(error).__name__)

    async def _catch_up(self) -> None:
        """Send what the database has beyond the last entry sent."""
        while entries := await self._next_entries():
            if not RIGHTS.isdisjoint(entry.type for entry in entries):
                await self._check()
            if entries[0].seq > self.seq + 1:  # a reader so slow that its next entry was cleared away
                self.seq = entries[-1].seq
                await self._tell("resync", last_seq=self.seq)
                continue
            for entry in await self._seen(entries):
                await self._tell(entry.type, ts=entry.ts, seq=entry.seq, payload=entry.payload)
                self.seq = entry.seq
            self.seq = entries[-1].seq

    async def _seen(self, entries: list[ActivityEntry]) -> list[ActivityEntry]:
        if self.principal.home.guest is None:
            return entries
        return await database_sync_to_async(activity_seen)(self.principal.home, entries)

    async def _next_entries(self) -> list[ActivityEntry]:
        try:
            return await self.feed.after(self.seq)
        except DatabaseError as error:  # the next ping looks again
            log.warning("activity_read_failed", error=type(error).__name__)
            return []

    async def _tell(self, type: str, **fields: Any) -> None:
        """Errors: TimeoutError for a client that does not read."""
        message = {"type": type, "organization_id": self.organization_id, "ts": timezone.now(), **fields}
        async with asyncio.timeout(SLOW_SECONDS):
            await self._send({"type": "websocket.send", "text": encode(message).decode()})

    def _open(self) -> tuple[Principal, int]:
        principal = self._admit()
        return principal, activity_last(principal.home)

    def _admit(self) -> Principal:
        """The caller inside the tenant that the path names. Errors: AppError."""
        principal = self._caller().enter(self.organization_id)
        principal.require(SHARED)
        origin = self._header("origin")
        if origin and not self._is_ours(origin) and origin not in allowed_origins(principal.home):
            raise PermissionRefused("This page may not open the stream.")
        return principal

    def _caller(self) -> Principal:
        """Header first, then sub-protocol, then query; a cookie only from a page of our own."""
        offered = [name for name in self.scope["subprotocols"] if name != SUBPROTOCOL]
        token = next(iter(offered), "") or self._query("token")
        authorization = self._header("authorization") or (f"Bearer {token}" if token else "")
        principal = credential_principal(self._header("x-api-key"), authorization)
        if principal is not None:
            return principal
        user = session_user(self._header("cookie"))
        if user is None or not self._is_ours(self._header("origin")):
            raise AuthenticationRequired
        return user_principal(user)

    def _is_ours(self, origin: str) -> bool:
        host, _ = split_domain_port(self._header("host"))
        same = urlsplit(origin).netloc == self._header("host") and validate_host(host, settings.ALLOWED_HOSTS)
        return same or origin in settings.CSRF_TRUSTED_ORIGINS

    def _header(self, name: str) -> str:
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == wanted), "")

    def _query(self, name: str) -> str:
        query: bytes = self.scope["query_string"]
        return parse_qs(query.decode("latin-1")).get(name, [""])[-1]


def session_user(cookies: str) -> User | None:
    """Who is signed in by the session that the cookies name, as it is now; a new password ends it."""
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key=key)
    user = User.objects.filter(pk=session.get(SESSION_KEY), is_active=True).first()
    if user is None:
        return None
    mark = session.get(HASH_SESSION_KEY, "")
    return user if constant_time_compare(mark, user.get_session_auth_hash()) else None


def allowed_origins(tenant: Tenant) -> list[str]:
    return [*settings.CORS_ALLOWED_ORIGINS, *tenant.cors_origins]

"""The activity stream of a tenant over a WebSocket.

A message through the channel layer only says "look"; what is sent is read from the database by
sequence number, and each ping looks again. So nothing is lost with a lost message, or sent twice.
"""

import asyncio
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host
from django.utils import timezone

from accounts.authentication import credential_principal
from accounts.errors import AppError, AuthenticationRequired, PermissionRefused
from accounts.models import ActivityCounter, ActivityEntry, Scope, Tenant, User
from accounts.principals import Principal, user_principal
from accounts.wire import encode

PING_SECONDS: Final = 25.0
ENTRIES_AT_ONCE: Final = 200
POLICY_VIOLATION: Final = 1008
SUBPROTOCOL: Final = "bearer"
log = structlog.get_logger(__name__)


class ActivityConsumer(AsyncWebsocketConsumer):
    """First `connected`, then the tenant's entries as they happen, and `ping` every 25 s.

    `?since=SEQ` starts after that entry instead of now. Who may no longer listen is told with 1008
    at the next ping.
    """

    group = ""
    pinging: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        chosen = SUBPROTOCOL if SUBPROTOCOL in self.scope["subprotocols"] else None
        await self.accept(chosen)  # never the token, which may be among them
        try:
            principal, last_seq = await database_sync_to_async(self._admit)()
        except AppError:
            await self.close(POLICY_VIOLATION)
            return
        self.organization_id = self.scope["url_route"]["kwargs"]["organization_id"]
        self.tenant = principal.home
        self.reading = asyncio.Lock()
        since = self._query("since")
        self.seq = int(since) if since.isdecimal() and len(since) < 19 else last_seq
        self.group = f"activity.{self.tenant.id}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        user_id = str(principal.user.pk) if principal.user else principal.actor
        await self._send("connected", user_id=user_id, role=principal.role, last_seq=last_seq)
        await self._catch_up()
        self.pinging = asyncio.create_task(self._ping())

    async def disconnect(self, code: int) -> None:
        if self.pinging is not None:
            self.pinging.cancel()
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Clients may answer a ping; nothing that they send matters."""

    async def activity_wake(self, message: dict[str, Any]) -> None:
        await self._catch_up()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            try:
                await database_sync_to_async(self._admit)()
            except AppError:
                await self.close(POLICY_VIOLATION)
                return
            except DatabaseError as error:
                log.warning("activity_check_failed", error=type(error).__name__)
            await self._catch_up()
            await self._send("ping")

    async def _catch_up(self) -> None:
        """Send what the database has beyond the last entry sent."""
        async with self.reading:
            while entries := await self._next_entries():
                for entry in entries:
                    await self._send(entry.type, ts=entry.ts, seq=entry.seq, payload=entry.payload)
                    self.seq = entry.seq

    async def _next_entries(self) -> list[ActivityEntry]:
        entries = ActivityEntry.objects.for_tenant(self.tenant).filter(seq__gt=self.seq).order_by("seq")
        try:
            return await database_sync_to_async(lambda: list(entries[:ENTRIES_AT_ONCE]))()
        except DatabaseError as error:  # the next ping looks again
            log.warning("activity_read_failed", error=type(error).__name__)
            return []

    async def _send(self, type: str, **fields: Any) -> None:
        message = {"type": type, "organization_id": self.organization_id, "ts": timezone.now(), **fields}
        await self.send(text_data=encode(message).decode())

    def _admit(self) -> tuple[Principal, int]:
        """The caller inside the tenant that the path names, and the tenant's last sequence number."""
        principal = self._caller().enter(self.scope["url_route"]["kwargs"]["organization_id"])
        principal.require(Scope.READ)
        origin = self._header("origin")
        if origin and not self._is_ours(origin) and origin not in allowed_origins(principal.home):
            raise PermissionRefused("This page may not open the stream.")
        counter = ActivityCounter.objects.filter(tenant=principal.home).first()
        return principal, counter.last_seq if counter else 0

    def _caller(self) -> Principal:
        """Header first, then sub-protocol, then query; a cookie only from a page of our own."""
        offered = [name for name in self.scope["subprotocols"] if name != SUBPROTOCOL]
        token = next(iter(offered), "") or self._query("token")
        authorization = self._header("authorization") or (f"Bearer {token}" if token else "")
        principal = credential_principal(self._header("x-api-key"), authorization)
        if principal is not None:
            return principal
        signed_in: Any = self.scope.get("user")
        user = User.objects.filter(pk=signed_in.pk, is_active=True).first() if signed_in else None
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
        return parse_qs(self.scope["query_string"].decode("latin-1")).get(name, [""])[-1]


def allowed_origins(tenant: Tenant) -> list[str]:
    return [*settings.CORS_ALLOWED_ORIGINS, *tenant.cors_origins]

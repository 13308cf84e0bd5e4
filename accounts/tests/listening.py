"""A client of the activity stream without a network: it is spoken to as the server would."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from asgiref.sync import async_to_sync, sync_to_async

from accounts.consumers import activity_stream
from accounts.models import Tenant
from accounts.tests.outbox import happen

PATIENCE: Final = 5.0
Message = dict[str, Any]


class Client:
    def __init__(self, tenant: Tenant, query: str = "", **headers: str) -> None:
        self.scope = {
            "type": "websocket",
            "url_route": {"kwargs": {"organization_id": tenant.slug}},
            "subprotocols": [],
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode())
                for name, value in {"host": "testserver", **headers}.items()
            ],
        }
        self._to_server: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()

    async def __aenter__(self) -> "Client":
        self._to_server.put_nowait({"type": "websocket.connect"})
        self.serving = asyncio.create_task(activity_stream(self.scope, self._to_server.get, self._send))
        assert (await self.next_raw())["type"] == "websocket.accept"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.serving, PATIENCE)

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self._sent.put_nowait(message)

    async def next_raw(self) -> Message:
        return await asyncio.wait_for(self._sent.get(), PATIENCE)

    async def next(self) -> Message:
        """The next message that is no ping, or the close."""
        async with asyncio.timeout(PATIENCE):
            while True:
                raw = await self.next_raw()
                message: Message = json.loads(raw["text"]) if "text" in raw else raw
                if message["type"] != "ping":
                    return message

    async def ping(self) -> list[str]:
        """Until one comes; what came before it."""
        before: list[str] = []
        while '"ping"' not in (text := (await self.next_raw()).get("text", "")):
            before.append(text)
        return before

    @property
    def untold(self) -> int:
        return self._sent.qsize()


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """The scenario, with the database work in this thread, and so inside the test's transaction."""
    async_to_sync(scenario)()


def in_database(work: Callable[[], Any]) -> Awaitable[Any]:
    return sync_to_async(work)()


def silently(tenant: Tenant, *types: str) -> Awaitable[Any]:
    """Deeds of which no wake tells."""

    def deeds() -> None:
        for type in types or ("test.done",):
            happen(tenant, type)

    return in_database(deeds)

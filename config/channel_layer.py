"""The channel layer of the one-process mode."""

import asyncio
from typing import Any

from channels.layers import InMemoryChannelLayer


class OneProcessLayer(InMemoryChannelLayer):
    """Channels' own in-memory layer, for senders in any thread.

    Its queues belong to the loop that the sockets run on; a message from another loop, as that of a
    Celery task or of a synchronous view, is handed over to it.
    """

    _home: asyncio.AbstractEventLoop | None = None

    async def group_add(self, group: str, channel: str) -> None:
        self._home = asyncio.get_running_loop()
        await super().group_add(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        home = self._home
        if home is None or home.is_closed():
            return  # nobody has joined a group yet
        if home is asyncio.get_running_loop():
            await super().group_send(group, message)
        else:
            asyncio.run_coroutine_threadsafe(super().group_send(group, message), home)

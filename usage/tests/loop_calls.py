"""Calls of the lane on an event loop, as a server makes them."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

from asgiref.sync import async_to_sync, sync_to_async

from usage import loop_lane
from usage.loop_lane import LoopLane
from usage.tests.test_lane import Observed


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """Calls the lane as a server does, and says how often a thread was taken for it."""

    def __init__(self) -> None:
        self.observed: Observed = []
        self.threads = 0
        self.handed_over: list[bytes] = []

    def __call__(self, path: str, body: bytes, secret: str = "some-key", **meta: Any) -> Answer:
        return self.all([(path, body)], secret, **meta)[0]

    def all(self, calls: list[tuple[str, bytes]], secret: str, **meta: Any) -> list[Answer]:
        """Calls that come at the same moment."""

        async def together() -> list[Answer]:
            application = LoopLane(
                self._other, new_request_id=lambda given: given or "made", observe=self._note
            )
            return await asyncio.gather(
                *(
                    answered(application, scope_of(path, body, {"HTTP_X_API_KEY": secret, **meta}), [body])
                    for path, body in calls
                )
            )

        with mock.patch.object(loop_lane, "aside", self._aside):
            return async_to_sync(together)()

    async def _aside(self, work: Callable[[], Any]) -> Any:
        """In the test's own thread, which has the transaction."""
        self.threads += 1
        return await sync_to_async(work)()

    async def _other(self, scope: Any, receive: Any, send: Any) -> None:
        self.handed_over.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def _note(self, method: str, endpoint: str, status: int, tenant: str, seconds: float) -> None:
        self.observed.append((method, endpoint, status, tenant))


def scope_of(path: str, body: bytes, meta: dict[str, Any]) -> dict[str, Any]:
    given = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body)), **meta}
    method, query = given.pop("REQUEST_METHOD", "POST"), given.pop("QUERY_STRING", "")
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), value.encode("latin-1"))
        for name, value in given.items()
        if value is not None
    ]
    return {
        "type": "http",
        "method": method,
        "path": given.pop("PATH_INFO", path),
        "query_string": query.encode(),
        "client": ("127.0.0.1", 4711),
        "headers": headers,
    }


async def answered(application: Any, scope: dict[str, Any], parts: list[bytes]) -> Answer:
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    start, end = sent
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, end["body"])

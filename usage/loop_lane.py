"""The short road on an event loop: many calls share each wake of the process, and each exchange with Redis.

Calls about which nothing has to be asked are answered on the loop: of a key that was used a moment ago, with
limits of which a lease is held (those of two thousand and more), and a plain body. For others a thread is
taken, in which they are handled as everywhere else. What is not for the lane, or is large, or of a key that
has to be looked up, goes on to the application, unread.
"""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Final, TypeVar

from django.conf import settings

from accounts.authentication import api_key_of
from accounts.errors import Unavailable
from accounts.keyring import keyring
from accounts.redis_link import breaker
from accounts.throttles import throttle_at_once
from usage.lane import (
    ENDPOINTS,
    MEANINGFUL,
    PATHS,
    Caller,
    Reply,
    caller_of,
    close_connection,
    handle,
    is_for_lane,
    log_call,
    refusal,
    reply,
)
from usage.services.events import plain_accept

Scope = dict[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")

THREADS: Final = 8
MOST_ASIDE: Final = 256  # calls that wait for a thread or have one
# Of a body that keeps the loop for some milliseconds, as a batch of a thousand does; others take a thread.
LARGEST: Final = 384 * 1024  # bytes
MOST_VALUES: Final = 30_000
LOOKED_AT: Final = {
    name.removeprefix("HTTP_").replace("_", "-").lower().encode(): name
    for name in (
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_ACCEPT",
        "HTTP_AUTHORIZATION",
        "HTTP_X_API_KEY",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_REQUEST_ID",
        *MEANINGFUL,
    )
}


class LoopLane:
    """An ASGI application that serves the lane itself and hands everything else to `application`."""

    def __init__(
        self,
        application: Any,
        *,
        new_request_id: Callable[[str], str],
        observe: Callable[[str, str, int, str, float], None],
    ) -> None:
        self._application = application
        self._new_request_id = new_request_id
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        meta = _meta(scope) if scope["type"] == "http" and scope["path"] in PATHS else {}
        if breaker.closed and _is_for_loop(meta):
            await self._serve(meta, PATHS[scope["path"]], receive, send)
        else:
            await self._application(scope, receive, send)

    async def _serve(self, meta: Mapping[str, str], batch: bool, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        body = await _whole(receive)
        if body is None:
            return
        request_id = self._new_request_id(meta.get("HTTP_X_REQUEST_ID", ""))
        answer = await _answer(meta, body, batch, request_id)
        seconds = time.perf_counter() - started
        self._observe("POST", ENDPOINTS[batch], answer.status, answer.caller.tenant, seconds)
        log_call(meta, answer, seconds)
        headers = [(_header(name), value.encode("latin-1")) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _meta(scope: Scope) -> dict[str, str]:
    """The call as WSGI has it, as far as the lane looks at it."""
    client = scope.get("client")
    meta = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "REMOTE_ADDR": client[0] if client else "",
    }
    for name, value in scope["headers"]:
        if (key := LOOKED_AT.get(name)) is not None:
            text = value.decode("latin-1")
            meta[key] = f"{meta[key]},{text}" if key in meta else text
    return meta


@cache
def _header(name: str) -> bytes:
    return name.lower().encode("latin-1")


def _is_for_loop(meta: Mapping[str, str]) -> bool:
    return (
        "HTTP_TRANSFER_ENCODING" not in meta
        and is_for_lane(meta)
        and int(meta["CONTENT_LENGTH"]) <= min(LARGEST, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        and keyring.known(api_key_of(meta)) is not None
    )


async def _whole(receive: Receive) -> bytes | None:
    """The body; None when the caller is gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(meta: Mapping[str, Any], body: bytes, batch: bool, request_id: str) -> Reply:
    """At once, if nobody has to be asked first, else from a thread."""
    caller, headers, counted = Caller(), {}, None
    try:
        principal = keyring.known(api_key_of(meta))  # once more: the body may have taken its time
        if principal is not None and body.count(b",") <= MOST_VALUES:
            caller = caller_of(principal)
            counted = throttle_at_once(principal)
        if principal is not None and counted is not None:
            headers = counted.headers()
            told = await plain_accept(by=principal, body=body, batch=batch, aside=aside)
            if told is not None:
                return reply(HTTPStatus.ACCEPTED, headers, told, request_id, caller)
        read = io.BytesIO(body).read
        return await aside(partial(handle, meta, read, batch=batch, request_id=request_id, counted=counted))
    except Exception as error:
        return refusal(error, headers, request_id, caller)


class Aside:
    """Work that may wait, in threads of its own; not so much of it that memory would end."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="lane")
        self._calls = 0

    async def __call__(self, work: Callable[[], T]) -> T:
        if self._calls >= MOST_ASIDE:
            raise Unavailable("Too many calls wait for the database; try again shortly.")
        self._calls += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, _closing, work)
        finally:
            self._calls -= 1


def _closing(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        close_connection()


aside = Aside()

"""The short road on an event loop: many calls share each wake of the process, and each exchange with Redis.

Calls about which nothing has to be asked are answered on the loop. For all others of the lane a thread is
taken, in which they are handled as everywhere else, and what is not for the lane goes on to the application.
"""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any, Final, TypeVar

from django.conf import settings

from accounts.authentication import api_key_of
from accounts.keyring import keyring
from accounts.redis_link import breaker
from accounts.throttles import throttle_at_once
from usage.lane import (
    ENDPOINTS,
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

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
T = TypeVar("T")

THREADS: Final = 8
_threads: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="lane")


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

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        meta = _lane_meta(scope)
        if meta is None:
            await self._application(scope, receive, send)
            return
        started = time.perf_counter()
        body = await _whole(receive)
        if body is None:
            return
        batch = PATHS[scope["path"]]
        answer = await _answer(meta, body, batch, self._new_request_id(meta.get("HTTP_X_REQUEST_ID", "")))
        seconds = time.perf_counter() - started
        self._observe("POST", ENDPOINTS[batch], answer.status, answer.caller.tenant, seconds)
        log_call(meta, answer, seconds)
        headers = [(_header(name), value.encode("latin-1")) for name, value in answer.headers.items()]
        await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


def _lane_meta(scope: dict[str, Any]) -> dict[str, str] | None:
    """The call as WSGI has it, if it is for the lane. Without Redis the lane would only wait for threads."""
    if scope["type"] != "http" or scope["path"] not in PATHS or not breaker.closed:
        return None
    client = scope.get("client")
    meta = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "REMOTE_ADDR": client[0] if client else "",
    }
    for name, value in scope["headers"]:
        key = _meta_name(name)
        text = value.decode("latin-1")
        meta[key] = f"{meta[key]},{text}" if key in meta else text
    if not is_for_lane(meta) or int(meta["CONTENT_LENGTH"]) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return None
    return meta


@lru_cache(maxsize=1000)
def _meta_name(header: bytes) -> str:
    """A name with `_` would be taken for the one with `-`, which a proxy may have looked at."""
    name = header.decode("latin-1").upper()
    if "_" in name:
        return f"?{name}"
    name = name.replace("-", "_")
    return name if name in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{name}"


@lru_cache(maxsize=100)
def _header(name: str) -> bytes:
    return name.lower().encode("latin-1")


async def _whole(receive: Receive) -> bytes | None:
    """The body; None when the caller is gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer(meta: Mapping[str, Any], body: bytes, batch: bool, request_id: str) -> Reply:
    """At once, if nobody has to be asked first, else from a thread."""
    caller, headers, counted = Caller(), {}, None
    try:
        principal = keyring.known(api_key_of(meta))
        if principal is not None:
            caller = caller_of(principal)
            counted = throttle_at_once(principal)
        if principal is not None and counted is not None:
            headers = counted.headers()
            told = await plain_accept(by=principal, body=body, batch=batch, aside=_aside)
            if told is not None:
                return reply(HTTPStatus.ACCEPTED, headers, told, request_id, caller)
        read = io.BytesIO(body).read
        return await _aside(partial(handle, meta, read, batch=batch, request_id=request_id, counted=counted))
    except Exception as error:
        return refusal(error, headers, request_id, caller)


async def _aside(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, _closing, work)


def _closing(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        close_connection()

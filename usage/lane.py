"""The short road for keys that send events.

Most requests of a metering service are one call, POST of events with an API key, so it has a road of
its own: the same keyring, throttle, intake and queue, without the other middleware and DRF. It is a
middleware of Django, and in production it also stands in front of Django's handler as a WSGI callable.
Anything out of the ordinary (a browser's Origin, another credential, another media type, a body of
unknown length, a header with a meaning of its own) goes on to the view.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import sentry_sdk
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, resolve

from accounts.addresses import client_address
from accounts.authentication import api_key_of
from accounts.errors import AppError, PayloadTooLarge, Unavailable
from accounts.keyring import keyring
from accounts.principals import Principal
from accounts.throttles import Verdict, throttle
from accounts.wire import encode
from usage.services.events import batch_accept, event_accept

log = structlog.get_logger(__name__)
_stdlib: Final = logging.getLogger(__name__)
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

# Path → is it a batch?
PATHS: Final = {
    f"{root}/events{tail}{slash}": bool(tail)
    for root in ("", "/api/v1")
    for tail in ("", "/batch")
    for slash in ("", "/")
}
MAX_DIGITS: Final = 20  # of a length
_here = threading.local()
ENDPOINTS: Final = {False: "/api/v1/events", True: "/api/v1/events/batch"}


# Headers that change what a call means; CloudEvents in binary mode have the last four.
MEANINGFUL: Final = frozenset(
    {
        "HTTP_ORIGIN",
        "HTTP_X_TENANT_ID",
        "HTTP_IDEMPOTENCY_KEY",
        "HTTP_CE_SPECVERSION",
        "HTTP_CE_ID",
        "HTTP_CE_SOURCE",
        "HTTP_CE_TYPE",
    }
)


class Caller(NamedTuple):
    """Whom a reply is for, as logs and metrics name them; empty before the key was known."""

    actor: str = ""
    tenant: str = ""


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    caller: Caller


def is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def is_for_lane(meta: Mapping[str, Any]) -> bool:
    """A POST of plain JSON in UTF-8 by an API key, from a program."""
    content_type, length = meta.get("CONTENT_TYPE", ""), meta.get("CONTENT_LENGTH", "")
    return bool(
        meta.get("REQUEST_METHOD") == "POST"
        and is_json(content_type)
        and "charset" not in content_type.lower().replace("charset=utf-8", "")
        and len(length) < MAX_DIGITS
        and length.isdecimal()
        and meta.keys().isdisjoint(MEANINGFUL)
        and not meta.get("QUERY_STRING")  # it may name a tenant, as the header may
        and "problem" not in meta.get("HTTP_ACCEPT", "")
        and api_key_of(meta)
    )


def handle(
    meta: Mapping[str, Any],
    read: Callable[[int], bytes],
    *,
    batch: bool,
    request_id: str,
    counted: Verdict | None = None,
) -> Reply:
    """Answer one request that `is_for_lane`; `counted` is how its limits stand, if it was counted already."""
    caller = Caller()
    headers: dict[str, str] = {}
    try:
        principal: Principal = keyring.principal(api_key_of(meta))
        caller = caller_of(principal)
        verdict = counted or throttle(principal, scope="ingest")
        if verdict is not None:
            headers = verdict.headers()
        accept = batch_accept if batch else event_accept
        answer = accept(by=principal, body=_body(meta, read))
        return reply(HTTPStatus.ACCEPTED, headers, answer, request_id, caller)
    except (AppError, DatabaseError) as error:
        return refusal(error, headers, request_id, caller)


def caller_of(principal: Principal) -> Caller:
    return Caller(principal.actor, principal.home.slug)


def reply(status: int, headers: dict[str, str], answer: Any, request_id: str, caller: Caller) -> Reply:
    body = encode(answer)
    own = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": request_id,
    }
    return Reply(status, own | headers, body, caller)


def refusal(error: Exception, headers: dict[str, str], request_id: str, caller: Caller) -> Reply:
    """What is told of an error; of one that nobody foresaw nothing."""
    if isinstance(error, DatabaseError):
        log.error("database_unavailable", error=str(error), request_id=request_id, **caller._asdict())
        error = Unavailable("Neither the queue nor the database answered; send the events again.")
    elif not isinstance(error, AppError):
        log.error("unhandled", request_id=request_id, exc_info=error)
        sentry_sdk.capture_exception(error)
        error = AppError("Something went wrong on our side; the request id helps us find it.")
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers = headers | {"WWW-Authenticate": 'Bearer realm="skyledger"'}
    return reply(error.status, headers | error.headers, error.body(request_id), request_id, caller)


def _body(meta: Mapping[str, Any], read: Callable[[int], bytes]) -> bytes:
    length, limit = int(meta["CONTENT_LENGTH"]), settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if length > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
    return read(length)


class LaneMiddleware:
    """The lane inside Django, behind the edge and in front of all that only people's requests need."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        batch = PATHS.get(request.path_info)
        if batch is None or not is_for_lane(request.META):
            return self.get_response(request)
        request.resolver_match = _match(batch)
        return _respond(request, batch=batch)


@cache
def _match(batch: bool) -> ResolverMatch:
    return resolve(ENDPOINTS[batch])


def _respond(request: HttpRequest, *, batch: bool) -> HttpResponse:
    answer = handle(request.META, request.read, batch=batch, request_id=request.request_id)  # type: ignore[attr-defined]
    structlog.contextvars.bind_contextvars(**answer.caller._asdict())
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


def in_front_of(
    application: Application,
    *,
    new_request_id: Callable[[str], str],
    observe: Callable[[str, str, int, str, float], None],
) -> Application:
    """A WSGI application that serves the lane itself and hands everything else to `application`."""

    def serve(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        batch = PATHS.get(environ.get("PATH_INFO", ""))
        if batch is None or not is_for_lane(environ):
            return application(environ, start_response)
        started = time.perf_counter()
        request_id = new_request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        try:
            answer = handle(environ, environ["wsgi.input"].read, batch=batch, request_id=request_id)
        except Exception as error:
            answer = refusal(error, {}, request_id, Caller())
        finally:
            close_connection()
        seconds = time.perf_counter() - started
        observe("POST", ENDPOINTS[batch], answer.status, answer.caller.tenant, seconds)
        log_call(environ, answer, seconds)
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
        return [answer.body]

    return serve


@receiver(connection_created)
def _note_connection(**_: Any) -> None:
    _here.connected = True


def close_connection() -> None:
    """Most calls need no database, and asking Django whether one is open costs more than closing it saves."""
    if getattr(_here, "connected", False):
        _here.connected = False
        connection.close()


def log_call(environ: Mapping[str, Any], answer: Reply, seconds: float) -> None:
    """One line per call, as the edge writes for all others. Nothing is bound to the thread for it."""
    if not _stdlib.isEnabledFor(logging.INFO):  # structlog would make a logger to tell
        return
    log.info(
        "request_finished",
        method="POST",
        path=environ["PATH_INFO"],
        status=int(answer.status),
        ms=round(seconds * 1000, 1),
        request_id=answer.headers["X-Request-ID"],
        address=client_address(environ),
        **answer.caller._asdict(),
    )

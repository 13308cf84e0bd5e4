"""The short road for keys that send events.

Most requests of a metering service are one call, POST of events with an API key, so it has a road of
its own: the same keyring, throttle, intake and queue, without the middleware and DRF. In production
it stands in front of Django's handler as a WSGI callable; the Django view takes it too, so that both
answer the same. Anything out of the ordinary (a browser's Origin, another credential, another media
type, a body of unknown length) goes to Django.
"""

import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from accounts.errors import AppError, PayloadTooLarge, Unavailable
from accounts.keyring import keyring
from accounts.principals import Principal
from accounts.throttles import throttle
from accounts.wire import encode
from usage import services

log = structlog.get_logger(__name__)
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

# Path → is it a batch?
PATHS: Final = {
    f"{root}/events{tail}{slash}": bool(tail)
    for root in ("", "/api/v1")
    for tail in ("", "/batch")
    for slash in ("", "/")
}


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    tenant: str


def is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def is_for_lane(meta: Mapping[str, Any]) -> bool:
    """A POST of plain JSON in UTF-8 by an API key, from a program."""
    content_type = meta.get("CONTENT_TYPE", "")
    return bool(
        meta.get("REQUEST_METHOD") == "POST"
        and is_json(content_type)
        and "charset" not in content_type.lower().replace("charset=utf-8", "")
        and meta.get("CONTENT_LENGTH", "").isdecimal()
        and "HTTP_ORIGIN" not in meta
        and not meta.get("QUERY_STRING")  # it may name a tenant, as the header may
        and "HTTP_X_TENANT_ID" not in meta
        and "problem" not in meta.get("HTTP_ACCEPT", "")
        and _key(meta)
    )


def _key(meta: Mapping[str, Any]) -> str:
    """The API key of a request; empty for other credentials (JWTs have two dots) and for none."""
    if key := meta.get("HTTP_X_API_KEY", ""):
        return str(key)
    kind, _, secret = str(meta.get("HTTP_AUTHORIZATION", "")).partition(" ")
    secret = secret.strip()
    master = settings.MASTER_TOKEN.encode()
    if kind.lower() != "bearer" or secret.count(".") == 2 or hmac.compare_digest(secret.encode(), master):
        return ""
    return secret


def handle(meta: Mapping[str, Any], read: Callable[[int], bytes], *, batch: bool, request_id: str) -> Reply:
    """Answer one request that `is_for_lane`."""
    headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
    tenant = ""
    try:
        principal: Principal = keyring.principal(_key(meta))
        tenant = principal.home.slug
        verdict = throttle(principal, scope="ingest")
        if verdict is not None:
            headers |= verdict.headers()
        accept = services.batch_accept if batch else services.event_accept
        answer = accept(by=principal, body=_body(meta, read))
        return Reply(HTTPStatus.ACCEPTED, headers, encode(answer), tenant)
    except AppError as error:
        known = error
    except DatabaseError as error:
        log.error("database_unavailable", error=str(error), request_id=request_id)
        known = Unavailable("Neither the queue nor the database answered; send the events again.")
    if known.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="skyledger"'
    return Reply(known.status, headers | known.headers, encode(known.body(request_id)), tenant)


def _body(meta: Mapping[str, Any], read: Callable[[int], bytes]) -> bytes:
    length, limit = int(meta["CONTENT_LENGTH"]), settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if length > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
    return read(length)


def respond(request: HttpRequest, *, batch: bool) -> HttpResponse:
    """The lane inside Django."""
    reply = handle(request.META, request.read, batch=batch, request_id=request.request_id)  # type: ignore[attr-defined]
    structlog.contextvars.bind_contextvars(tenant=reply.tenant)
    return HttpResponse(reply.body, status=reply.status, headers=reply.headers)


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
            reply = handle(environ, environ["wsgi.input"].read, batch=batch, request_id=request_id)
        except Exception:
            log.exception("unhandled", request_id=request_id)
            failure = AppError("Something went wrong on our side; the request id helps us find it.")
            headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
            reply = Reply(failure.status, headers, encode(failure.body(request_id)), "")
        finally:
            if connection.connection is not None:
                connection.close()
        endpoint = "/api/v1/events/batch" if batch else "/api/v1/events"
        observe("POST", endpoint, reply.status, reply.tenant, time.perf_counter() - started)
        reply.headers["X-Content-Type-Options"] = "nosniff"
        reply.headers["Content-Length"] = str(len(reply.body))
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(reply.headers.items()))
        return [reply.body]

    return serve

"""The outermost edge: request id, optional slash, rate headers, one log line and metrics of each call."""

import logging
import re
import time
from collections.abc import Callable
from typing import Final

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from uuid_utils import uuid7

from accounts.addresses import client_address
from accounts.errors import ValidationFailed
from accounts.wire import check_charset
from config.errors import error_response
from config.metrics import observe_request

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")
# The admin redirects to the slash; everything else is routed without.
_WITH_SLASH: Final = ("/admin/", "/static/")
PROBES: Final = frozenset(
    f"{root}/{name}" for root in ("", "/api/v1") for name in ("health", "ready", "status", "metrics")
)
log = structlog.get_logger("skyledger.request")


def request_id(given: str) -> str:
    """The caller's own request id when it is a plain one, else a new one."""
    return given if _REQUEST_ID.fullmatch(given) else str(uuid7())


class EdgeMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        identity = request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        request.request_id = identity  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=identity, address=client_address(request.META))
        _drop_slash(request)
        response = self.get_response(request)
        response.headers["X-Request-ID"] = identity
        verdict = getattr(request, "rate_verdict", None)
        if verdict is not None:
            for name, value in verdict.headers().items():
                response.headers.setdefault(name, value)
        _report(request, response, time.perf_counter() - started)
        return response


class RequestMiddleware(CommonMiddleware):
    """Django's own refuses hosts that are not ours; this refuses charsets other than UTF-8 too.

    Probes may call by any name: they speak to an address or a container, and no answer of theirs holds it.
    """

    sync_capable = True
    async_capable = False

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:  # type: ignore[override]
        try:
            check_charset((request.content_params or {}).get("charset") or "utf-8")
        except ValidationFailed as error:
            return error_response(error, request)
        return None if request.path_info in PROBES else super().process_request(request)


def _report(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    tenant = structlog.contextvars.get_contextvars().get("tenant", "")
    observe_request(request, response, tenant, seconds)
    # Of who asks on while refused, each line would say the same; the metrics count them.
    level = logging.DEBUG if getattr(request, "is_refused_again", False) else logging.INFO
    log.log(
        level,
        "request_finished",
        method=request.method,
        path=request.path[:500],  # without the query, which may hold a token
        status=response.status_code,
        ms=round(seconds * 1000, 1),
    )


def _drop_slash(request: HttpRequest) -> None:
    """A trailing slash is optional everywhere: routes are written without, and nothing redirects."""
    path = request.path_info
    if len(path) > 1 and path.endswith("/") and not path.startswith(_WITH_SLASH):
        request.path_info = path.rstrip("/") or "/"

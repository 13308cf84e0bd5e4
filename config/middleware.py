"""The outermost edge: request id, client address, the optional slash, rate headers, request metrics."""

import re
import time
from collections.abc import Callable
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponseBase
from uuid_utils.compat import uuid7

from accounts.addresses import client_address
from config.metrics import observe_request

_REQUEST_ID: Final = re.compile(r"^[A-Za-z0-9._\-]{1,64}$")


def request_id(given: str) -> str:
    """The caller's own request id when it is a plain one, else a new one."""
    return given if _REQUEST_ID.match(given) else str(uuid7())


class EdgeMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        identity = request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        request.META["HTTP_X_REQUEST_ID"] = identity
        request.request_id = identity  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=identity, address=client_address(request.META))
        _drop_slash(request)
        response = self.get_response(request)
        response["X-Request-ID"] = identity
        verdict = getattr(request, "rate_verdict", None)
        if verdict is not None:
            for name, value in verdict.headers().items():
                response.headers.setdefault(name, value)
        observe_request(request, response, time.perf_counter() - started)
        return response


def _drop_slash(request: HttpRequest) -> None:
    """A trailing slash is optional everywhere: routes are written without, and nothing redirects."""
    path = request.path_info
    if len(path) > 1 and path.endswith("/") and not path.startswith(("/admin", "/console", "/static")):
        request.path_info = path.rstrip("/") or "/"

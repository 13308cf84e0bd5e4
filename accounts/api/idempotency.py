"""`Idempotency-Key` on every POST of the API, in one place.

The middleware gives a view that is called with the header two more steps: after the caller is known,
allowed and counted, and after the answer is written. Views do not know of it. Calls without a credential
(sign-in, registration) ignore the header.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.errors import ValidationFailed
from accounts.models import IdempotentCall
from accounts.principals import Principal
from accounts.services.idempotency import Answer, call_abandon, call_begin, call_end, keyed_hash

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
KEPT_HEADERS: Final = ("Content-Type", "Location", "Cache-Control")
BAD_REQUEST: Final = 400
TOO_MANY: Final = 429
SERVER_ERROR: Final = 500
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
log = structlog.get_logger(__name__)


class IdempotencyMiddleware:
    """Calls a view of the API through `_Idempotent` when the request has a key."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        view_class = getattr(view, "cls", None)
        if request.method != "POST" or HEADER not in request.headers or view_class is None:
            return None
        actions = [view.actions] if hasattr(view, "actions") else []
        answer: HttpResponseBase = _idempotent(view_class).as_view(*actions, **view.initkwargs)(
            request, *args, **kwargs
        )
        return answer


@cache
def _idempotent(view_class: type[APIView]) -> Any:
    return type(view_class.__name__, (_Idempotent, view_class), {})


class _Replay(Exception):
    """Leaves the view with the answer of the first call."""

    def __init__(self, call: IdempotentCall) -> None:
        self.call = call


class _Idempotent(APIView):
    call: IdempotentCall | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not isinstance(request.auth, Principal):
            return
        key = parse_key(request.headers[HEADER])
        call = call_begin(by=request.auth, key=key, fingerprint=_fingerprint(request._request))
        if call.status is not None:
            raise _Replay(call)
        self.call = call

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, _Replay):
            return _told_again(exc.call)
        try:
            return super().handle_exception(exc)
        except Exception:
            if self.call is not None:
                _settle(self.call, HttpResponse(status=SERVER_ERROR))
            raise

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer: Any = super().finalize_response(request, response, *args, **kwargs)
        if self.call is not None and isinstance(answer, Response):
            answer.add_post_render_callback(partial(_settle, self.call))
        elif self.call is not None:
            _settle(self.call, answer)
        return answer


def parse_key(value: str) -> str:
    """The key in the header: a quoted string, as in the draft, or the same text without quotes."""
    quoted = _QUOTED.fullmatch(value.strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value.strip()
    if not _KEY.fullmatch(key) or (key.startswith('"') and not quoted):
        raise ValidationFailed.field(HEADER, "give 1 to 255 visible ASCII characters, quoted or not.")
    return key


def _fingerprint(request: HttpRequest) -> str:
    """What was asked. An event may be in headers of its own, `ce-…` (CloudEvents in binary mode)."""
    if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
        raise ValidationFailed.field(HEADER, "send the body with its Content-Length, not in chunks.")
    named = ["Content-Type", "X-Tenant-ID", *sorted(n for n in request.headers if n.startswith("Ce-"))]
    headers = [f"{name}:{request.headers.get(name, '')}" for name in named]
    return keyed_hash(request.path_info, request.META.get("QUERY_STRING", ""), *headers, request.body)


def _told_again(call: IdempotentCall) -> HttpResponse:
    headers = {**call.headers, REPLAYED: "true"}
    return HttpResponse(bytes(call.body or b""), status=call.status, headers=headers)


def _settle(call: IdempotentCall, answer: HttpResponseBase) -> None:
    """Keep what was answered; too many calls and failures of ours may be tried again."""
    try:
        if answer.status_code == TOO_MANY or answer.status_code >= SERVER_ERROR:
            call_abandon(call=call)
        else:
            call_end(call=call, answer=_kept(answer))
    except DatabaseError as error:  # what was done is done, and the caller is told so
        log.warning("answer_not_kept", error=str(error))


def _kept(answer: HttpResponseBase) -> Answer:
    secret = answer.status_code < BAD_REQUEST and "no-store" in answer.headers.get("Cache-Control", "")
    body = answer.content if isinstance(answer, HttpResponse) and not secret else None
    headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    return Answer(answer.status_code, headers, body)

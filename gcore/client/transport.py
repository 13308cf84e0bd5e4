"""One call to Gcore: sent, tried again where that may help, counted, and its failure put into words."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import sleep
from typing import Any, Final, TypeVar

import requests
import structlog
from django.conf import settings
from requests.auth import AuthBase

from accounts.errors import ValidationFailed
from accounts.wire import decode
from gcore.client.words import words_of
from gcore.errors import Busy, GcoreError, PermanentError, TimedOut, TransientError, Unauthorized
from gcore.metrics import CALLS, ERRORS, SECONDS

ATTEMPTS: Final = 4
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 8.0  # who is told to wait longer comes back another time
PATIENCE: Final = 120.0  # after so many seconds no new attempt begins: a task of ours has ten minutes in all
MAX_JSON_BYTES: Final = 64 * 1024 * 1024
CHUNK: Final = 65_536
log = structlog.get_logger(__name__)
T = TypeVar("T")


class Header(AuthBase):
    """Our own Authorization; without it `requests` would look for one in ~/.netrc."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._text:
            request.headers["Authorization"] = self._text
        return request


@dataclass(frozen=True, slots=True)
class Call:
    """`operation` names it in errors, logs and metrics; the path may hold ids and does not.

    One that is to be made `once` is not tried again when its answer does not come.
    """

    operation: str
    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    accept: str = "application/json"
    once: bool = False


class Transport:
    """Connections to one Gcore. Not for use by several threads at once."""

    def __init__(self, base: str, secrets: tuple[str, ...]) -> None:
        self._base = base.rstrip("/")
        self._secrets = secrets
        self._session = requests.Session()

    def ask(self, call: Call, *, authorization: str = "") -> Any:
        """The JSON of the answer, None when it has no content. Errors: TransientError, PermanentError."""
        return self.send(call, _json, authorization=authorization)

    def send(self, call: Call, read: Callable[[requests.Response], T], *, authorization: str = "") -> T:
        """What `read` makes of the answer's body; it is called anew for each attempt."""
        try:
            return self._persist(call, read, authorization)
        except GcoreError as error:
            kind = "transient" if isinstance(error, TransientError) else "permanent"
            ERRORS.labels(call.operation, kind).inc()
            log.warning("gcore_call_failed", operation=call.operation, kind=kind, message=error.message)
            raise

    def _persist(self, call: Call, read: Callable[[requests.Response], T], authorization: str) -> T:
        until = time.monotonic() + PATIENCE
        for attempt in range(0 if call.once else ATTEMPTS - 1):
            try:
                return self._attempt(call, read, authorization)
            except TransientError as error:
                wait = FIRST_WAIT * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311  (no secret)
                wait = max(wait, error.retry_after or 0)
                if wait > LONGEST_WAIT or time.monotonic() + wait > until:
                    raise
                sleep(wait)
        return self._attempt(call, read, authorization)

    def _attempt(self, call: Call, read: Callable[[requests.Response], T], authorization: str) -> T:
        with _counted(call) as seen, _in_our_words(call):
            response = self._session.request(
                call.method,
                self._base + call.path,
                params=call.params,
                json=call.json,
                headers={"Accept": call.accept},
                auth=Header(authorization),
                timeout=(min(5, settings.GCORE_REQUEST_TIMEOUT), settings.GCORE_REQUEST_TIMEOUT),
                allow_redirects=False,
                stream=True,
            )
            with response:
                seen.status = str(response.status_code)
                if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
                    raise self._failure(call, response, authorization)
                return read(response)

    def _failure(self, call: Call, response: requests.Response, authorization: str) -> GcoreError:
        status = response.status_code
        hidden = (*self._secrets, *authorization.split()[1:])
        words = words_of(bounded(response, CHUNK, cut=True), hidden) or "nothing more"
        message = f"Gcore answered {call.operation} with {status}: {words}"
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            return Busy(message, upstream_status=status, retry_after=_retry_after(response))
        if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT}:
            return TimedOut(message, upstream_status=status)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return TransientError(message, upstream_status=status, retry_after=_retry_after(response))
        if status == HTTPStatus.UNAUTHORIZED:
            return Unauthorized(message, upstream_status=status)
        return PermanentError(message, upstream_status=status)


@dataclass(slots=True)
class _Seen:
    status: str = "none"


@contextmanager
def _counted(call: Call) -> Iterator[_Seen]:
    seen, started = _Seen(), time.perf_counter()
    try:
        yield seen
    finally:
        CALLS.labels(call.operation, seen.status).inc()
        SECONDS.labels(call.operation).observe(time.perf_counter() - started)


@contextmanager
def _in_our_words(call: Call) -> Iterator[None]:
    """What `requests` says names addresses and library objects; a person needs the sentence."""
    try:
        yield
    except requests.Timeout as error:
        raise TimedOut(f"Gcore did not answer {call.operation} in time.") from error
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        if "timed out" in str(error).lower():
            raise TimedOut(f"Gcore stopped in the middle of {call.operation}.") from error
        raise TransientError(f"The connection to Gcore broke in {call.operation}.") from error
    except requests.RequestException as error:
        raise PermanentError(
            f"Gcore cannot be asked for {call.operation}: {type(error).__name__}."
        ) from error


def bounded(response: requests.Response, most: int, *, cut: bool = False) -> bytes:
    """The body, of at most so many bytes; more of it is cut off, or refused as PermanentError."""
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > most:
            if cut:
                break
            raise PermanentError(f"Gcore sent more than {most} bytes of JSON.")
    return bytes(body[:most])


def _json(response: requests.Response) -> Any:
    body = bounded(response, MAX_JSON_BYTES)
    if not body:
        return None
    try:
        return decode(body)
    except ValidationFailed as error:
        words = words_of(body)[:200]
        raise PermanentError(f"Gcore sent something else than JSON: {words}") from error


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, or a date; None when there is none that can be read."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None

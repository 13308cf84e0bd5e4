"""Calls over HTTP, repeated while that can help."""

import email.utils
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import requests

from skyledger_client.errors import (
    ApiError,
    AuthenticationFailed,
    PermissionRefused,
    RateLimited,
    Refused,
    Unavailable,
)
from skyledger_client.exact import loads

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
# A service may ask for more patience than a sender can have.
LONGEST_ASKED_SECONDS: Final = 120.0
BROKEN: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
KINDS: Final[dict[int, type[ApiError]]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationFailed,
    HTTPStatus.FORBIDDEN: PermissionRefused,
    HTTPStatus.REQUEST_TIMEOUT: Unavailable,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}


class Transport:
    """One service and one key. Any thread may call; each has connections of its own, also after a fork."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float,
        retries: int,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._root = base_url.rstrip("/").removesuffix("/api/v1") + "/api/v1"
        self._headers = {"X-API-Key": api_key, "Accept": "application/json"}
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._here = threading.local()

    def post(self, path: str, body: str) -> dict[str, Any]:
        """Send JSON; the answer. The body must be safe to send twice. Errors: ApiError."""
        headers = {"Content-Type": "application/json"}
        return self._patiently("POST", path, data=body.encode(), headers=headers)

    def get(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Read JSON. Errors: ApiError."""
        return self._patiently("GET", path, params=parameters)

    def _patiently(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        for attempt in range(self._retries + 1):
            try:
                return self._once(method, path, **options)
            except (Unavailable, RateLimited) as error:
                if attempt == self._retries:
                    raise
                self._sleep(_pause(attempt, error.retry_after))
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            # A redirect would turn a POST into a GET.
            response = self._session().request(
                method, self._root + path, timeout=self._timeout, allow_redirects=False, **options
            )
        except BROKEN as error:
            raise Unavailable(f"{self._root} did not answer: {error}") from error
        if not 200 <= response.status_code < 300:
            raise _error(response)
        answer = _document(response)
        if answer is None:
            raise Unavailable("The answer is no JSON object.", status=response.status_code)
        return answer

    def _session(self) -> requests.Session:
        """This thread's session in this process: a forked child must not write to its parent's sockets."""
        if getattr(self._here, "pid", None) != os.getpid():
            self._here.pid = os.getpid()
            self._here.session = requests.Session()
            self._here.session.headers.update(self._headers)
        session: requests.Session = self._here.session
        return session


def _pause(attempt: int, asked: float | None) -> float:
    """Full jitter below a doubling limit, on top of what the service asked for."""
    jitter = random.uniform(0, min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311
    return jitter + min(asked or 0.0, LONGEST_ASKED_SECONDS)


def _document(response: requests.Response) -> dict[str, Any] | None:
    try:
        value = loads(response.content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _error(response: requests.Response) -> ApiError:
    status = response.status_code
    body = _document(response) or {}
    message = str(body.get("message") or f"HTTP {status} {response.reason}")
    kind = KINDS.get(status, Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused)
    return kind(message, status=status, body=body, retry_after=_retry_after(response))


def _retry_after(response: requests.Response) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None

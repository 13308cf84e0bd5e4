"""How a call to Gcore can fail. Each is also the contract's answer, should it reach an API of ours."""

import math

from accounts.errors import AppError


class GcoreError(AppError):
    """`message` holds Gcore's own words; `upstream_status` is its HTTP status, None when it gave none."""

    code = "upstream_error"
    status = 502

    def __init__(self, message: str, *, upstream_status: int | None = None) -> None:
        super().__init__(message)
        self.upstream_status = upstream_status


class TransientError(GcoreError):
    """It may go well later: not before `retry_after` seconds where Gcore named a time."""

    def __init__(
        self, message: str, *, upstream_status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, upstream_status=upstream_status)
        self.retry_after = retry_after


class TimedOut(TransientError):
    """Gcore did not answer in time."""

    code = "upstream_timeout"
    status = 504


class Busy(TransientError):
    """Gcore asks to be left alone for a while."""

    code = "unavailable"
    status = 503

    def __init__(
        self, message: str, *, upstream_status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, upstream_status=upstream_status, retry_after=retry_after)
        self.headers["Retry-After"] = str(math.ceil(retry_after or 5))


class PermanentError(GcoreError):
    """The same call would fail again: refused, not found, or an answer that nobody understands."""


class Unauthorized(PermanentError):
    """401: the token has expired or was revoked, or the credentials are wrong."""

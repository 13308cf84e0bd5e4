"""What can go wrong, and what to do about it."""

import dataclasses
from collections.abc import Sequence
from typing import Any


class SkyledgerError(Exception):
    """Everything that this package raises of its own."""


class ApiError(SkyledgerError):
    """The service did not do what it was asked.

    `status` is the HTTP status, or 0 when there was no answer; `code`, `errors` (a list of `field` and
    `message`) and `body` are what its error body says.
    """

    def __init__(
        self, message: str, *, status: int = 0, body: Any = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.body: dict[str, Any] = body if isinstance(body, dict) else {}
        self.code = str(self.body.get("error", ""))
        self.errors: list[dict[str, Any]] = self.body.get("errors") or []
        self.retry_after = retry_after


class Refused(ApiError):
    """What was sent is wrong (400, 409, 413, 422, …): sending it again changes nothing."""


class AuthenticationFailed(ApiError):
    """401: the API key is missing, unknown, expired or revoked."""


class PermissionRefused(ApiError):
    """403: the key has not the scope, or belongs to another tenant."""


class RateLimited(ApiError):
    """429, after all retries; `retry_after` says how many seconds to wait."""


class Unavailable(ApiError):
    """No answer, a server error or an answer that cannot be read, after all retries.

    The events may have been stored all the same; sending them again with the same ids is safe.
    """


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """An event that is not in the ledger as far as we know, and why.

    `refused`: the service looked at it and said no. Otherwise it could not be delivered; `event` carries
    its id and timestamp, so that it can be sent again without being counted twice.
    """

    event: dict[str, Any]
    reason: str
    refused: bool


class DeliveryFailed(SkyledgerError):
    """Some events did not get through; all others did: `receipts` are those of the same `send_batch`."""

    def __init__(self, failures: Sequence[Failure], receipts: Sequence[dict[str, Any]] = ()) -> None:
        self.failures = list(failures)
        self.receipts = list(receipts)
        first = self.failures[0]
        super().__init__(
            f"{len(self.failures)} events did not get through;"
            f" the first, {first.event.get('event_id')}: {first.reason}"
        )


class BufferFull(SkyledgerError):
    """The buffer stayed full for `buffer_seconds`: the event was not taken."""

"""The errors that services raise and every edge (API, lane, console) answers in one body."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.exceptions import APIException


class AppError(APIException):
    """`code` and `status` are the contract's; `message` tells a person what to do.

    One of DRF's own: it asks views what a caller may do, for OPTIONS and for the forms of the browsable API,
    and takes nothing else for a refusal.
    """

    code = "internal_error"
    status = 500

    def __init__(
        self,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self, request_id: str = "") -> dict[str, Any]:
        return {
            "error": self.code,
            "message": self.message,
            "detail": self.message,
            "errors": self.errors,
            "request_id": request_id,
            **self.extra,
        }


class ValidationFailed(AppError):
    code = "validation_error"
    status = 400

    @classmethod
    def field(cls, field: str, message: str) -> "ValidationFailed":
        return cls(f"{field}: {message}", errors=[{"field": field, "message": message}])


class AuthenticationRequired(AppError):
    code = "authentication_required"
    status = 401

    def __init__(self) -> None:
        super().__init__("API key is required. Provide it in X-API-Key or Authorization header.")


class InvalidApiKey(AppError):
    """One answer for unknown, expired and revoked keys, so that a caller learns nothing from it."""

    code = "invalid_api_key"
    status = 401

    def __init__(self) -> None:
        super().__init__("The API key is not valid.")


class InvalidToken(AppError):
    code = "invalid_token"
    status = 401


class SignInRefused(AppError):
    """One answer for an unknown account, a wrong password and a deactivated person."""

    code = "authentication_required"
    status = 401

    def __init__(self, message: str = "The e-mail address, username or password is not right.") -> None:
        super().__init__(message)


class PermissionRefused(AppError):
    code = "permission_denied"
    status = 403


class NotFound(AppError):
    code = "not_found"
    status = 404


class Conflict(AppError):
    code = "conflict"
    status = 409


class IdempotencyMismatch(AppError):
    """An Idempotency-Key that came before with another request."""

    code = "idempotency_mismatch"
    status = 422


class PayloadTooLarge(AppError):
    code = "payload_too_large"
    status = 413


class UnsupportedMediaType(AppError):
    code = "unsupported_media_type"
    status = 415


class RateLimited(AppError):
    code = "rate_limit_exceeded"
    status = 429


class Unavailable(AppError):
    code = "unavailable"
    status = 503

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class UpstreamFailed(AppError):
    """A service that we asked answered wrongly or not at all."""

    code = "upstream_error"
    status = 502


class UpstreamTimeout(AppError):
    code = "upstream_timeout"
    status = 504

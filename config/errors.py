"""One error body for every way a call can fail."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, RequestDataTooBig, ValidationError
from django.db import DatabaseError, IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.errors import (
    AppError,
    AuthenticationRequired,
    Conflict,
    NotFound,
    PayloadTooLarge,
    PermissionRefused,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from accounts.pages.gate import error_page
from accounts.wire import encode

log = structlog.get_logger(__name__)
PROBLEM_JSON = "application/problem+json"


class MethodNotAllowed(AppError):
    code = "method_not_allowed"
    status = 405


def _flatten(detail: Any, field: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested error detail as a flat list of {field, message}."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            own = key in {"non_field_errors", NON_FIELD_ERRORS}
            name = field if own else f"{field}.{key}" if field else str(key)
            yield from _flatten(value, name)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _flatten(value, f"{field}[{index}]" if nested and field else field)
    else:
        yield {"field": field, "message": str(detail)}


def _validation(detail: Any) -> ValidationFailed:
    errors = list(_flatten(detail))
    first = errors[0] if errors else {"field": "", "message": "The request is not valid."}
    text = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return ValidationFailed(text, errors=errors)


def as_app_error(error: Exception) -> AppError | None:  # noqa: C901  (one flat table)
    """The contract's error for what Django, DRF or a service raised; None for what nobody foresaw."""
    match error:
        case AppError():
            return error
        case drf.ValidationError():
            return _validation(error.detail)
        case ValidationError():
            return _validation(error.message_dict if hasattr(error, "error_dict") else error.messages)
        case drf.NotAuthenticated():
            return AuthenticationRequired()
        case drf.PermissionDenied() | drf.AuthenticationFailed() | PermissionDenied():
            return PermissionRefused(str(getattr(error, "detail", "")) or "You may not do this.")
        case Http404() | drf.NotFound():
            return NotFound("There is nothing here, or it is not yours.")
        case drf.MethodNotAllowed():
            return MethodNotAllowed(str(error.detail))
        case drf.UnsupportedMediaType():
            return UnsupportedMediaType(str(error.detail))
        case drf.ParseError():
            return ValidationFailed(str(error.detail))
        case RequestDataTooBig():
            return PayloadTooLarge("The body is larger than this service takes.")
        case IntegrityError():
            return Conflict("This collides with what is already there.")
        case DatabaseError():
            log.error("database_unavailable", error=str(error))
            return Unavailable("The database did not answer; try again shortly.")
    return None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook."""
    known = as_app_error(error)
    if known is None:
        return None
    set_rollback()
    request: HttpRequest = context["request"]._request
    body, content_type = error_body(known, request)
    response = Response(body, status=known.status, headers=known.headers, content_type=content_type)
    if known.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="skyledger"'
    response.exception = True
    return response


def error_body(error: AppError, request: HttpRequest) -> tuple[dict[str, Any], str | None]:
    """The body, and its content type where it is not plain JSON."""
    body = error.body(getattr(request, "request_id", ""))
    if PROBLEM_JSON not in request.headers.get("Accept", ""):
        return body, None
    title = error.code.replace("_", " ").capitalize()
    return {**body, "type": "about:blank", "title": title, "status": error.status}, PROBLEM_JSON


def error_response(error: AppError, request: HttpRequest) -> HttpResponse:
    """The same answer outside DRF; on the console's paths as a page."""
    if request.path.startswith("/console"):
        return error_page(request, error)
    body, content_type = error_body(error, request)
    return HttpResponse(
        encode(body),
        status=error.status,
        content_type=content_type or "application/json",
        headers=error.headers,
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A host that is not ours, or more than DATA_UPLOAD_MAX_* allows."""
    known = as_app_error(exception) or ValidationFailed("The request is not valid.")
    return error_response(known, request)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_response(PermissionRefused("You may not do this."), request)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_response(NotFound(f"There is nothing at {request.path[:200]}."), request)


def server_error(request: HttpRequest) -> HttpResponse:
    return error_response(
        AppError("Something went wrong on our side; the request id helps us find it."), request
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_response(
        PermissionRefused("The CSRF token is missing or wrong; reload the page and try again."), request
    )

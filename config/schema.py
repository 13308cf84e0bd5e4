"""Hooks of drf-spectacular: each path once, and the error answers everywhere."""

from typing import Any, Final

API_ROOT: Final = "/api/v1"
AT_THE_ROOT: Final = ("/health", "/ready", "/status", "/metrics", "/ws/")
ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error", "message", "detail", "errors", "request_id"],
    "properties": {
        "error": {"type": "string", "description": "The code to act on.", "example": "validation_error"},
        "message": {"type": "string"},
        "detail": {"type": "string", "description": "The message once more, for older clients."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "request_id": {"type": "string"},
        "retry_after": {"type": "integer", "description": "Seconds; with 429."},
        "limit": {"type": "integer", "description": "With 429."},
        "remaining": {"type": "integer", "description": "With 429."},
        "code": {"type": "string", "description": "With 409 of a build: the rule (docs/builds.md)."},
        "allowed": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "With 409 of a build: the state codes that may be reported.",
        },
        "missing": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With 409 of a build: what it lacks.",
        },
        "reset_time": {"type": "integer", "description": "Epoch seconds; with 429."},
    },
}
PROBLEM: Final[dict[str, Any]] = {
    "allOf": [
        {"$ref": "#/components/schemas/Error"},
        {
            "type": "object",
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
            },
        },
    ]
}

IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Sent again within 24 hours by the same caller with the same request, the call is not "
    "done again: its answer, good or bad, is repeated with `Idempotency-Replayed: true`. 1 to 255 visible "
    "ASCII characters, in quotes or not. 422 `idempotency_mismatch` with another request; 409 `conflict` "
    "while the first is being done, and for an answer that is not kept: one that holds a secret (an API key "
    "is shown once) or is larger than 1 MiB. After 429 and 5xx the key is free: the next call is done.",
}


def keep_canonical_paths(endpoints: list[Any]) -> list[Any]:
    """Every path exists twice; the document lists the one under /api/v1/ (system paths at the root)."""
    return [endpoint for endpoint in endpoints if _is_canonical(endpoint[0])]


def _is_canonical(path: str) -> bool:
    inner = path.removeprefix(API_ROOT)
    if inner in ("", "/"):
        return path == "/"
    return inner.startswith(AT_THE_ROOT) != path.startswith(f"{API_ROOT}/")


def add_error_answers(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """One error component, named by every operation for all of 4xx and 5xx that it does not tell itself."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(Error=ERROR, Problem=PROBLEM)
    components["responses"] = {
        "Error": {
            "description": "What went wrong, in the one body of every error.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Error"}},
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
            },
        }
    }
    for operations in result.get("paths", {}).values():
        for operation in operations.values():
            for status in ("4XX", "5XX"):
                operation["responses"].setdefault(status, {"$ref": "#/components/responses/Error"})
    return result


def add_idempotency_key(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """The header on every POST with a credential, as accounts.api.idempotency takes it."""
    components = result.setdefault("components", {})
    components.setdefault("parameters", {})["IdempotencyKey"] = IDEMPOTENCY_KEY
    for operations in result.get("paths", {}).values():
        if operations.get("post", {}).get("security"):
            parameters = operations["post"].setdefault("parameters", [])
            parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return result

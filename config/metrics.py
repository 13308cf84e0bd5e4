"""Prometheus metrics of the edge. Names are the older services' own."""

import threading
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import structlog
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram

API_REQUESTS: Final = Counter(
    "api_requests_total", "API requests", ["method", "endpoint", "status_code", "tenant_id"]
)
API_SECONDS: Final = Histogram(
    "api_request_duration_seconds", "API request duration", ["method", "endpoint", "tenant_id"]
)
QUERY_REQUESTS: Final = Counter("query_requests_total", "Usage and analytics queries", ["endpoint"])
QUERY_SECONDS: Final = Histogram("query_duration_seconds", "Usage and analytics query duration", ["endpoint"])
DATABASE_SECONDS: Final = Histogram(
    "database_query_duration_seconds", "Duration of one SQL statement", ["operation"]
)
RATE_LIMITED: Final = Counter("rate_limit_exceeded_total", "Calls answered 429", ["endpoint"])
AUTH_FAILURES: Final = Counter("authentication_failures_total", "Calls answered 401", ["endpoint"])

SHOWN_SQL: Final = 2000
MAX_CALLERS: Final = 2000
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUERIES: Final = ("usage", "analytics")
_OPERATIONS: Final = frozenset({"select", "insert", "update", "delete"})
log = structlog.get_logger("skyledger.database")
_lock = threading.Lock()
_seen: set[tuple[str, str, str]] = set()
_watched: "weakref.WeakSet[BaseDatabaseWrapper]" = weakref.WeakSet()


def observe_request(request: HttpRequest, response: HttpResponseBase, tenant: str, seconds: float) -> None:
    match = request.resolver_match
    endpoint = f"/{match.route}" if match else "unknown"
    observe(request.method or "", endpoint, response.status_code, tenant, seconds)


@lru_cache(maxsize=10_000)
def _children(method: str, endpoint: str, status: int, tenant: str) -> tuple[Counter, Histogram]:
    """Finding the children of a metric by its labels costs more than counting does."""
    tenant = _bounded(method, endpoint, tenant)
    return (
        API_REQUESTS.labels(method, endpoint, str(status), tenant),
        API_SECONDS.labels(method, endpoint, tenant),
    )


def _bounded(method: str, endpoint: str, tenant: str) -> str:
    """Each route and tenant costs a histogram, so past two thousand of them the rest is counted together."""
    call = (method, endpoint, tenant)
    if call not in _seen and len(_seen) >= MAX_CALLERS:
        return "other"
    _seen.add(call)
    return tenant


@lru_cache(maxsize=100)
def _statements(verb: str) -> Histogram:
    return DATABASE_SECONDS.labels(verb if verb in _OPERATIONS else "other")


def observe(method: str, endpoint: str, status: int, tenant: str, seconds: float) -> None:
    """Count one answered call; labels come from our routes and tenants, never from the caller."""
    method = method if method in _METHODS else "other"
    requests, duration = _children(method, endpoint, status, tenant)
    requests.inc()
    duration.observe(seconds)
    if method == "GET" and endpoint.removeprefix("/api/v1").lstrip("/").startswith(_QUERIES):
        QUERY_REQUESTS.labels(endpoint).inc()
        QUERY_SECONDS.labels(endpoint).observe(seconds)
    if status == 429:
        RATE_LIMITED.labels(endpoint).inc()
    elif status == 401:
        AUTH_FAILURES.labels(endpoint).inc()


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Time every statement of a thread's connection from now on."""
    if _timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(_timed)
        with _lock:
            _watched.add(connection)


def open_here() -> int:
    """How many of this process's threads hold a connection now."""
    with _lock:
        return sum(connection.connection is not None for connection in _watched)


def _timed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - started
        _statements(str(sql)[:6].lower()).observe(seconds)
        if 0 < settings.SLOW_QUERY_SECONDS <= seconds:
            # Without its parameters, which are other people's data.
            log.warning("slow_query", seconds=round(seconds, 3), sql=str(sql)[:SHOWN_SQL])

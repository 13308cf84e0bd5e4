"""Prometheus metrics of the edge. Names are the older services' own."""

from typing import Final

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import Counter, Histogram

API_REQUESTS: Final = Counter(
    "api_requests_total", "API requests", ["method", "endpoint", "status_code", "tenant_id"]
)
API_SECONDS: Final = Histogram(
    "api_request_duration_seconds", "API request duration", ["method", "endpoint", "tenant_id"]
)


def observe_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    match = request.resolver_match
    observe(
        request.method or "",
        f"/{match.route}" if match else "unknown",
        response.status_code,
        getattr(request, "tenant_slug", ""),
        seconds,
    )


def observe(method: str, endpoint: str, status: int, tenant: str, seconds: float) -> None:
    """Count one answered request; labels come from our routes and tenants, never from the caller."""
    API_REQUESTS.labels(method, endpoint, str(status), tenant).inc()
    API_SECONDS.labels(method, endpoint, tenant).observe(seconds)

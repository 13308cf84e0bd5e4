"""Traces to an OpenTelemetry collector, when OTEL_EXPORTER_OTLP_ENDPOINT names one.

The packages come from requirements-otel.txt and are imported only then. OpenTelemetry's own variables hold,
such as OTEL_SERVICE_NAME and OTEL_TRACES_SAMPLER. Events that the ingest lane takes have no trace.
"""

import os
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

# Each holds the query of a call or ends with it, and a query may hold a token.
_WITH_QUERY: Final = ("http.target", "http.url", "url.full", "url.query")


def start() -> None:
    if not settings.OTEL_ENDPOINT:
        return
    try:
        _instrument()
    except ImportError as error:
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
            "`pip install -r requirements-otel.txt`."
        ) from error


def _instrument() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
    from opentelemetry.instrumentation.redis import RedisInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    os.environ.setdefault("OTEL_SERVICE_NAME", "skyledger")
    about = {"service.version": settings.VERSION, "deployment.environment.name": settings.ENVIRONMENT}
    provider = TracerProvider(resource=Resource.create(about))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(request_hook=without_query)
    for instrumentor in (CeleryInstrumentor, PsycopgInstrumentor, RedisInstrumentor):
        instrumentor().instrument()


def without_query(span: Any, request: Any) -> None:
    for name in _WITH_QUERY:
        if name in (span.attributes or {}):
            path = "" if name == "url.query" else str(span.attributes[name]).partition("?")[0]
            span.set_attribute(name, path)

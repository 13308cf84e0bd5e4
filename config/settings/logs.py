"""Structured logs on standard error: JSON lines, or readable text on a developer's terminal."""

import logging
import sys
from typing import Any

import msgspec
import structlog

from config.redaction import redact_fields, redact_line
from config.settings.env import STRICT, env

LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO").upper()
# The collector of traces; OpenTelemetry itself reads this and its other variables.
OTEL_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
# A statement that takes so many seconds is logged; 0: none is.
SLOW_QUERY_SECONDS: float = env.float("SLOW_QUERY_SECONDS", default=1.0)
_SQL_LEVEL = "DEBUG" if env.bool("SQL_ECHO", default=False) else "WARNING"


class LineLogger:
    """Writes a finished line; standard error is looked up each time, since tests and tools replace it."""

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    log = debug = info = warning = error = critical = exception = msg


class LineHandler(logging.Handler):
    """The same for what others log through the logging module."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception:  # logging's own way: a line that cannot be written must not stop the work
            self.handleError(record)


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Without local variables: they hold what must not be logged.
_traceback = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_final: list[Any] = (
    [_traceback, redact_fields, structlog.processors.JSONRenderer(serializer=_json), redact_line]
    if STRICT or not sys.stderr.isatty()
    else [
        redact_fields,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        redact_line,
    ]
)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [structlog.stdlib.add_logger_name, *_shared],
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_final],
        }
    },
    "handlers": {"console": {"()": LineHandler, "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL, "handlers": [], "propagate": True},
        "django.db.backends": {"level": _SQL_LEVEL},
        # EdgeMiddleware writes one line for each call; of these, only failures of ours add to it.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.server": {"handlers": ["console"], "propagate": False},
        "uvicorn.access": {"level": "WARNING"},
        "uvicorn.error": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},  # says each task that it sends, every few seconds
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

# Our own lines skip the logging module: that is two thirds of a line's cost, on every call.
structlog.configure(
    processors=[*_shared, *_final],
    logger_factory=lambda *_: LineLogger(),
    wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[LOG_LEVEL]),
    cache_logger_on_first_use=True,
)

"""Structured logs on standard output: JSON in production, readable text on a terminal."""

import logging
import sys
from typing import Any

import structlog

from config.settings.env import STRICT, env

LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO").upper()
_SQL_LEVEL = "DEBUG" if env.bool("SQL_ECHO", default=False) else "WARNING"

_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
_final: list[Any] = (
    [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    if STRICT or not sys.stderr.isatty()
    else [structlog.dev.ConsoleRenderer()]
)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _shared,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_final],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL},
        "django.db.backends": {"level": _SQL_LEVEL},
        "django.server": {"handlers": ["console"], "propagate": False},
        # Every access is logged by django-structlog with its request id and tenant.
        "uvicorn.access": {"level": "WARNING"},
    },
}

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[LOG_LEVEL]),
    cache_logger_on_first_use=True,
)

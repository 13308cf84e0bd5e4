"""Error reports to Sentry, when SENTRY_DSN names one."""

from typing import Any

from django.conf import settings

from config.redaction import redact


def start() -> None:
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk  # only here: it takes a third of a second to import

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.ENVIRONMENT,
        release=f"skyledger@{settings.VERSION}",
        traces_sample_rate=settings.SENTRY_TRACES_SAMPLE_RATE,
        profiles_sample_rate=settings.SENTRY_PROFILES_SAMPLE_RATE,
        send_default_pii=settings.SENTRY_SEND_PII,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=scrub,  # type: ignore[arg-type]  # an event is a dict
        before_send_transaction=scrub,  # type: ignore[arg-type]
        before_breadcrumb=scrub,
    )


def scrub(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """The event without keys, tokens and passwords, wherever they stand in it."""
    cleaned: dict[str, Any] = redact(event)
    return cleaned

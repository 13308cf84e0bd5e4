"""OpenTelemetry behind its switch: off it is not imported, on it needs its packages and shows no query."""

import sys
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import tracing


class Span:
    def __init__(self, **attributes: str) -> None:
        self.attributes = attributes

    def set_attribute(self, name: str, value: str) -> None:
        self.attributes[name] = value


@pytest.fixture(autouse=True)
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)


def test_off_nothing_is_imported(settings: Any) -> None:
    settings.OTEL_ENDPOINT = ""
    tracing.start()


def test_on_it_says_what_to_install(settings: Any) -> None:
    settings.OTEL_ENDPOINT = "http://127.0.0.1:4318"
    with pytest.raises(ImproperlyConfigured, match=r"requirements-otel\.txt"):
        tracing.start()


def test_no_query_is_traced() -> None:
    given = {"http.target": "/ws?token=s3cret", "url.query": "token=s3cret", "http.method": "GET"}
    span = Span(**given)
    tracing.without_query(span, None)
    assert span.attributes == {"http.target": "/ws", "url.query": "", "http.method": "GET"}

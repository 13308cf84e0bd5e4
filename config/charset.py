"""Requests in which a charset does nothing by itself, and a body in chunks is read.

Django looks up whatever codec a Content-Type names, `zlib` too, and fails before its first middleware; here
config.middleware.RequestMiddleware refuses all but UTF-8 in the contract's words.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.http import parse_header_parameters


class Utf8(HttpRequest):
    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Utf8WSGIRequest(Utf8, WSGIRequest):
    """Of the web processes. A body in chunks names no length, without which Django would not read it."""

    def __init__(self, environ: dict[str, Any]) -> None:
        if (
            not environ.get("CONTENT_LENGTH")
            and environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        ):
            body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
        super().__init__(environ)


class Utf8ASGIRequest(Utf8, ASGIRequest):
    """Of the socket process and the one-process mode."""

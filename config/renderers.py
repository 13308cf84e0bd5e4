"""JSON answers with exact numbers, and their pages."""

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer

from accounts.wire import encode


class ExactJSONRenderer(BaseRenderer):
    """Decimals are written as the numbers they are; money is a string because its field says so."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        body = b"" if data is None else encode(data)
        indent = (renderer_context or {}).get("indent")  # set by the browsable API
        return msgspec.json.format(body, indent=indent) if body and indent else body


class PageRenderer(BrowsableAPIRenderer):
    """The API for people. What its template leaves out is the language, and a way to scroll by keyboard."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        page = super().render(data, accepted_media_type, renderer_context)
        told = page.replace("<html>", '<html lang="en">', 1)
        return told.replace('<pre class="prettyprint">', '<pre class="prettyprint" tabindex="0">')

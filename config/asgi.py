"""HTTP and WebSocket in one process; production sends `uvicorn config.asgi:application` only `/ws/`."""

import os
from typing import Any

import django
from asgiref.sync import sync_to_async
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.handlers.asgi import ASGIHandler
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from accounts.consumers import activity_stream  # noqa: E402  (models exist only after Django's setup)
from config import startup  # noqa: E402
from config.charset import Utf8ASGIRequest  # noqa: E402


class ThreadHandler(ASGIHandler):
    """Each request in one thread from the first middleware to the view.

    All of ours are synchronous, and Django's own handler would change threads between them.
    """

    request_class = Utf8ASGIRequest

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)
        self._middleware_chain: Any = sync_to_async(self._middleware_chain, thread_sensitive=True)


startup.prepare()
stream: Any = activity_stream  # Channels routes to it as Django does to a view
sockets: list[Any] = [
    path(f"{root}ws/activity-stream/<str:organization_id>{slash}", stream)
    for root in ("", "api/v1/")
    for slash in ("", "/")
]
application = ProtocolTypeRouter({"http": ThreadHandler(), "websocket": URLRouter(sockets)})

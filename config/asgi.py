"""HTTP, events on the loop, and WebSocket in one process; production sends `uvicorn config.asgi:application`
only `/ws/`, and events where they have a process of their own.
"""

import os
from concurrent.futures import ThreadPoolExecutor
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
from config.metrics import observe  # noqa: E402
from config.middleware import request_id  # noqa: E402
from usage.loop_lane import LoopLane  # noqa: E402


class ThreadHandler(ASGIHandler):
    """Each request in one thread from the first middleware to the view.

    All of ours are synchronous, and Django's own handler would change threads between them.
    """

    request_class = Utf8ASGIRequest

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)
        self._middleware_chain: Any = sync_to_async(self._middleware_chain, thread_sensitive=True)


with ThreadPoolExecutor(1) as thread:  # the loop of a server with several workers runs already
    thread.submit(startup.prepare).result()
stream: Any = activity_stream  # Channels routes to it as Django does to a view
sockets: list[Any] = [
    path(f"{root}ws/activity-stream/<str:organization_id>{slash}", stream)
    for root in ("", "api/v1/")
    for slash in ("", "/")
]
http = LoopLane(ThreadHandler(), new_request_id=request_id, observe=observe)
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(sockets)})

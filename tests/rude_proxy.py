"""A proxy in front of a real service that now and then misbehaves, as networks do."""

import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

import requests

# What it does with a request beside passing it on: the service gets it, and its answer is lost or cut short …
LOSE: Final = "lose"
CUT: Final = "cut"
# … or the request never arrives, and this is answered: a status and headers.
Answer = tuple[int, Mapping[str, str]]
Manner = str | Answer


class RudeProxy:
    """Treats one request after another as `manners` say, and the rest well; `bodies` is what it was sent."""

    def __init__(self, upstream: str, manners: Sequence[Manner] = ()) -> None:
        self.upstream = upstream
        self.manners = list(manners)
        self.bodies: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(proxy: RudeProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            proxy.bodies.append(body)
            manner = proxy.manners.pop(0) if proxy.manners else None
            if isinstance(manner, tuple):
                self._answer(manner[0], manner[1], b"not here")
                return
            passed = {name: self.headers[name] for name in ("Content-Type", "X-API-Key")}
            found = requests.post(proxy.upstream + self.path, data=body, headers=passed, timeout=30)
            if manner is None:
                self._answer(found.status_code, {"Content-Type": "application/json"}, found.content)
            elif manner == CUT:
                self._answer(found.status_code, {}, found.content[:10], length=len(found.content))

        def _answer(
            self, status: int, headers: Mapping[str, str], body: bytes, length: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(length or len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler

"""The HTTP server around the simulator's state."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from gcore.simulator import catalogue, cdn, cloud, control, expenses, iam, instances, reports, waap
from gcore.simulator.state import Fault, State
from gcore.simulator.wire import Answer, Refusal, Request, dispatch

PRODUCTS: Final = (catalogue, reports, iam, expenses, cdn, waap, cloud, instances)
ROUTES: Final = [route for product in PRODUCTS for route in product.ROUTES]
PIECE: Final = 8192


class Simulator:
    """`with Simulator() as gcore:` answers at `gcore.url` until the end; `gcore.state` is what it does."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, store: Path | None = None) -> None:
        self.state = State(store)
        self._server = _Server(host, port, self.state)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://{self._server.server_name}:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.state.closing.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, state: State) -> None:
        self.state = state
        super().__init__((host, port), _Handler)
        self.server_name = host  # the base class asks the DNS for another


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):  # a caller that leaves is no error here
            super().handle()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def _answer(self) -> None:
        request = self._request()
        state = self.server.state
        if request.path.startswith("/_control"):
            self._send(self._called(control.ROUTES, request))
            return
        state.calls.append(request)
        fault = state.take_fault(request)
        if fault is None:
            self._send(self._called(ROUTES, request))
        else:
            self._fail(fault, request)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  (the base class's names)

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        return Request(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )

    def _called(self, routes: list[Any], request: Request) -> Answer:
        try:
            return dispatch(routes, self.server.state, request)
        except Refusal as refusal:
            return refusal.answer

    def _fail(self, fault: Fault, request: Request) -> None:
        if fault.drop:
            self.close_connection = True
            return
        self.server.state.closing.wait(fault.delay)
        if fault.spares_the_answer:
            self._send(self._called(ROUTES, request), cut=fault.cut, drip=fault.drip)
        else:
            body = fault.body.encode()
            self._send(Answer(fault.status, body, fault.content_type, fault.headers))

    def _send(self, answer: Answer, *, cut: int | None = None, drip: float = 0) -> None:
        """The answer; of its body only `cut` bytes if given, with `drip` seconds between pieces."""
        pieces = iter((answer.body,)) if isinstance(answer.body, bytes) else answer.body
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            self.send_header("Content-Length", str(len(answer.body)))
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = cut
        for piece in _small(pieces) if drip or cut is not None else pieces:
            if drip:
                self.wfile.flush()
                self.server.state.closing.wait(drip)
            self._write(piece if left is None else piece[:left], chunked=not isinstance(answer.body, bytes))
            left = None if left is None else left - len(piece)
            if left is not None and left <= 0:
                self.close_connection = True
                return
        if not isinstance(answer.body, bytes):
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _write(self, piece: bytes, *, chunked: bool) -> None:
        if chunked and piece:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        else:
            self.wfile.write(piece)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads its log."""


def _small(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that can be cut and slowed down."""
    return chain.from_iterable(
        (piece[start : start + PIECE] for start in range(0, len(piece), PIECE)) for piece in pieces
    )

"""Calls to addresses that tenants choose: never into our own network, and never for long.

The name is resolved once, every address that it has is checked, and the connection goes to a checked one;
so a name cannot mean something else a moment later. Redirects are answers like any other.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from accounts.errors import ValidationFailed

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 16 * 1024
PORTS: Final = frozenset({443, 8443})
# "Global" for Python, and yet perhaps ways back into a private network: IPv4-compatible, NAT64, 6to4 and its
# relays, site-local.
DENIED: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fec0::/10", "192.88.99.0/24")
)


class Refused(Exception):
    """An address that we do not call, whatever the network says."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    retry_after: str


def check_url(url: str) -> None:
    """What can be said of a URL without asking anybody; ValidationFailed for field `url`."""
    try:
        parts = _parts(url)
        with suppress(socket.gaierror):  # a name: it is resolved when it is called
            _addresses(parts, socket.AI_NUMERICHOST)
    except Refused as error:
        raise ValidationFailed.field("url", str(error)) from error


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """POST and the status of the answer, whose body nobody learns.

    Errors: Refused, OSError (TimeoutError after TOTAL_SECONDS), http.client.HTTPException.
    """
    deadline = time.monotonic() + TOTAL_SECONDS
    parts = _parts(url)
    with _connect(parts, deadline) as channel:
        connection = http.client.HTTPConnection(parts.hostname or "", _port(parts))
        connection.sock = channel
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {"Host": parts.netloc, "Connection": "close", **headers})
        answer = http.client.HTTPResponse(_Timed(channel, deadline), method="POST")  # type: ignore[arg-type]
        answer.begin()
        with suppress(OSError, http.client.HTTPException):  # so that the other side may finish
            answer.read(ANSWER_BYTES)
        return Answer(answer.status, answer.headers.get("Retry-After", ""))


def _parts(url: str) -> SplitResult:
    """The URL taken apart. Errors: Refused."""
    try:
        parts = urlsplit(url)
        port = _port(parts)
    except ValueError as error:
        raise Refused("it is not a URL.") from error
    if not url.isascii() or not url.isprintable() or " " in url or not parts.hostname:
        raise Refused("it is not a URL.")
    if parts.scheme != "https" and not (settings.WEBHOOK_ALLOW_PRIVATE and parts.scheme == "http"):
        raise Refused("it must begin with https://.")
    if "@" in parts.netloc:
        raise Refused("it must not hold a name or password.")
    if port not in PORTS and not settings.WEBHOOK_ALLOW_PRIVATE:
        raise Refused(f"its port must be one of {', '.join(map(str, sorted(PORTS)))}.")
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _addresses(parts: SplitResult, flags: int = 0) -> list[tuple[Any, Any]]:
    """(family, socket address) of all that the host's name means. Errors: Refused, socket.gaierror."""
    try:
        found = socket.getaddrinfo(
            parts.hostname, _port(parts), type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=flags
        )
    except UnicodeError as error:  # a label longer than DNS has
        raise Refused("its host is not a name.") from error
    for *_, address in found:
        if not settings.WEBHOOK_ALLOW_PRIVATE and not is_public(str(address[0])):
            raise Refused("its host is in a private or reserved network.")
    return [(family, address) for family, *_, address in found]


def is_public(text: str) -> bool:
    """Whether an address belongs to the internet, and not to us, a neighbour or a cloud's metadata."""
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return is_public(str(mapped))
    return address.is_global and not address.is_multicast and not any(address in net for net in DENIED)


def _connect(parts: SplitResult, deadline: float) -> socket.socket:
    """A connection to the first of the checked addresses that takes one, under TLS where the URL says so."""
    failure: OSError = TimeoutError("timed out")
    for family, address in _addresses(parts):
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            plain.settimeout(min(CONNECT_SECONDS, _left(deadline)))
            plain.connect(address)
            plain.settimeout(_left(deadline))
            if parts.scheme == "http":
                return plain
            return _tls().wrap_socket(plain, server_hostname=parts.hostname)
        except OSError as error:
            plain.close()
            failure = error
    raise failure


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Timed(io.RawIOBase):
    """A socket to read from until a moment, however slowly the bytes drip."""

    def __init__(self, channel: socket.socket, deadline: float) -> None:
        self._channel = channel
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._channel.settimeout(_left(self._deadline))
        return self._channel.recv_into(buffer)

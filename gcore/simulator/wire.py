"""A request as the simulator's handlers see it, their answers, and the routes between them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from gcore.simulator.state import State


@dataclass(frozen=True, slots=True)
class Answer:
    """A body that is an iterator goes out in chunks as it is made."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def said(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


class Refusal(Exception):
    """Ends a handler with this answer."""

    def __init__(self, status: int, body: Any, content_type: str = "application/json") -> None:
        super().__init__(status)
        self.answer = Answer(status, json.dumps(body).encode(), content_type)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def first(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def every(self, name: str) -> list[str]:
        """All values of a parameter, given repeatedly or with commas."""
        return [part for text in self.query.get(name, []) for part in text.split(",") if part]

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.first(name, str(default)))
        except ValueError as error:
            raise Refusal(400, {name: ["A valid integer is required."]}) from error

    def json(self) -> dict[str, Any]:
        """The body as JSON or as a form, as Gcore takes it. What `curl -d` calls a form may be JSON."""
        if "form-urlencoded" in self.headers.get("content-type", "") and not self.body.startswith(b"{"):
            return dict(parse_qsl(self.body.decode()))
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as error:
            raise Refusal(400, {"message": f"JSON parse error - {error}"}) from error
        if not isinstance(value, dict):
            raise Refusal(400, {"message": "JSON parse error - an object is expected"})
        return value


Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`{name}` in the path is a part without a slash, given to the handler by that name."""

    method: str
    path: str
    handler: "Callable[..., Answer]"

    def match(self, request: Request) -> dict[str, str] | None:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, request.path.rstrip("/")) if request.method == self.method else None
        return found.groupdict() if found else None


def dispatch(routes: list[Route], state: "State", request: Request) -> Answer:
    for route in routes:
        found = route.match(request)
        if found is not None:
            return route.handler(state, request, **found)
    return said({"detail": "Not found."}, 404)


def page(request: Request, items: list[Any], *, most: int = 100, envelope: bool = False) -> Answer:
    """`{count, next, previous, results}` when a limit or offset is given, else the bare array."""
    if not envelope and not {"limit", "offset"} & request.query.keys():
        return said(items)
    limit, offset = min(request.number("limit", 20), most), request.number("offset", 0)
    after, before = offset + limit, max(0, offset - limit)
    return said(
        {
            "count": len(items),
            "next": f"{request.path}?limit={limit}&offset={after}" if after < len(items) else None,
            "previous": f"{request.path}?limit={limit}&offset={before}" if offset else None,
            "results": items[offset:after],
        }
    )

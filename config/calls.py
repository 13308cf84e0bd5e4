"""The first page of the API for people: all that opens by its address alone, to be tried out from there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, get_resolver

ROOT: Final = "api/v1/"


def calls(request: HttpRequest) -> HttpResponse:
    return render(request, "config/calls.html", {"groups": open_calls(), "root": f"/{ROOT}"})


@cache
def open_calls() -> list[tuple[str, list[str]]]:
    """Paths of GETs without a parameter in them, in groups by their first word, in the alphabet's order."""
    groups: dict[str, set[str]] = defaultdict(set)
    for route, view in _routes(get_resolver().url_patterns):
        if route.startswith(ROOT) and "<" not in route and _is_read(view):
            path = route.removeprefix(ROOT).rstrip("/")
            groups[path.partition("/")[0]].add(path)
    return sorted((name, sorted(paths)) for name, paths in groups.items() if name)


def _routes(patterns: Sequence[Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for one in patterns:
        route = f"{before}{one.pattern}"
        if isinstance(one, URLResolver):
            yield from _routes(one.url_patterns, route)
        elif isinstance(one, URLPattern):
            yield route, one.callback


def _is_read(view: Any) -> bool:
    kind = getattr(view, "cls", None)
    return "get" in (getattr(view, "actions", None) or {}) or hasattr(kind, "get")

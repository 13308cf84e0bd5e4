"""WAAP statistics, made of the same days as the reports; errors are problem+json."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

from gcore.simulator.iam import Caller, caller
from gcore.simulator.state import State
from gcore.simulator.wire import Answer, Refusal, Request, Route, said
from gcore.simulator.world import CLIENTS, FEATURES, Client, days, resources, used

REQUESTS: Final = next(one for one in FEATURES if one.id == 17001)
METRICS: Final = ("domains", "volume", "requests")
MILLION: Final = 10**6
BYTES_OF_A_MILLION: Final = 10**9
PROBLEM: Final = "application/problem+json"


def total(state: State, request: Request, metric: str) -> Answer:
    clients, span = _asked(state, request, metric)
    points = [{"date": str(day), "amount": sum(_amount(one, metric, day) for one in clients)} for day in span]
    return _page(request, points)


def breakdown(state: State, request: Request, metric: str) -> Answer:
    clients, span = _asked(state, request, metric)
    offset, limit = request.number("offset", 0), min(request.number("limit", 100), 100)
    chosen = clients[offset : offset + limit]
    points = {
        str(one.id): [{"date": str(day), "amount": _amount(one, metric, day)} for day in span]
        for one in chosen
    }
    return said({"limit": limit, "offset": offset, "count": len(clients), "results": {"clients": points}})


def _page(request: Request, points: list[dict[str, Any]]) -> Answer:
    offset, limit = request.number("offset", 0), min(request.number("limit", 100), 100)
    shown = points[offset : offset + limit]
    return said({"limit": limit, "offset": offset, "count": len(points), "results": shown})


def series(state: State, request: Request) -> Answer:
    """A customer's own traffic by day; missing points are zeros."""
    who = _caller(state, request)
    own = [one for one in CLIENTS if one.id == who.client_id]
    span = _span(request)
    names = {"total_bytes": "volume", "total_requests": "requests"}
    return said(
        {
            name: [
                {"date_time": f"{day}T00:00:00Z", "value": sum(_amount(o, names[name], day) for o in own)}
                for day in span
            ]
            for name in request.every("metrics")
            if name in names
        }
    )


def _asked(state: State, request: Request, metric: str) -> tuple[list[Client], list[date]]:
    _caller(state, request).require_reseller()
    if metric not in METRICS:
        raise Refusal(404, {"title": "Not Found", "status": 404, "detail": "Unknown metric"}, PROBLEM)
    wanted = {int(id) for id in request.every("client_ids")}
    with_asked = [one for one in CLIENTS if "WAAP" in one.products and one.size]
    return [one for one in with_asked if not wanted or one.id in wanted], _span(request)


def _caller(state: State, request: Request) -> Caller:
    try:
        return caller(state, request)
    except Refusal as refusal:
        text = {"detail": "Auth token is missing or invalid"}
        raise Refusal(refusal.answer.status, text, PROBLEM) from refusal


def _span(request: Request) -> list[date]:
    """From `from` until before `to`."""
    try:
        return days(*(date.fromisoformat(request.first(name)[:10]) for name in ("from", "to")))
    except ValueError as error:
        kind = {"type": "request-validation-failed", "title": "Validation failed", "status": 422}
        where = [{"loc": ["query", "from"], "detail": "Input should be a valid date"}]
        raise Refusal(422, {**kind, "detail": "Invalid dates", "errors": where}, PROBLEM) from error


def _amount(client: Client, metric: str, day: date) -> int:
    places = resources(client.id, REQUESTS.product.id)
    if metric == "domains":
        return len(places)
    millions = sum((used(client, REQUESTS, place, day) for place in places), Decimal(0))
    return int(millions * (MILLION if metric == "requests" else BYTES_OF_A_MILLION))


def ping(state: State, request: Request) -> Answer:
    return said({"message": "pong"})


ROUTES: Final = [
    Route("GET", "/waap/v1/prebilling/total/{metric}", total),
    Route("GET", "/waap/v1/prebilling/breakdown/{metric}", breakdown),
    Route("GET", "/waap/v1/statistics/series", series),
    Route("GET", "/waap/ping", ping),
]

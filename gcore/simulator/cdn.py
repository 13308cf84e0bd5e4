"""CDN statistics, made of the same days as the reports: their sums fit the delivery that is billed."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from gcore.simulator.iam import Caller, caller
from gcore.simulator.state import State
from gcore.simulator.wire import Answer, Refusal, Request, Route, said
from gcore.simulator.world import CLIENTS, FEATURES, Client, Resource, days, resources, used

DELIVERY: Final = next(one for one in FEATURES if one.id == 92)
GB: Final = 10**9
# Parts of the bytes sent, so that total = shield + upstream + sent and cdn = sent + shield.
METRICS: Final = {
    "sent_bytes": Decimal(1),
    "shield_bytes": Decimal("0.05"),
    "upstream_bytes": Decimal("0.03"),
    "total_bytes": Decimal("1.08"),
    "cdn_bytes": Decimal("1.05"),
    "requests": Decimal("0.000011"),
}
GROUPS: Final = ("client", "resource", "region")
MOST_DAYS: Final = 366


def series(state: State, request: Request) -> Answer:
    return _tree(state, request, lambda points: [[_unix(day), value] for day, value in points.items()])


def aggregate(state: State, request: Request) -> Answer:
    return _tree(state, request, lambda points: sum(points.values()))


def _tree(state: State, request: Request, shown: Callable[[dict[date, int]], Any]) -> Answer:
    """Nested in the order of group_by, metrics innermost; 204 without data."""
    who = caller(state, request)
    span, metrics, groups = _span(request), _chosen(request, "metrics", METRICS), request.every("group_by")
    if groups:
        _chosen(request, "group_by", GROUPS)
    sums: dict[tuple[str, ...], dict[str, dict[date, int]]] = {}
    for client, resource in _resources(who, request):
        names = {"client": str(client.id), "resource": str(resource.id), "region": resource.region}
        found = sums.setdefault(tuple(names[group] for group in groups), {})
        for metric in metrics:
            points = found.setdefault(metric, dict.fromkeys(span, 0))
            for day in span:
                points[day] += int(used(client, DELIVERY, resource, day) * GB * METRICS[metric])
    tree: dict[str, Any] = {}
    for path, found in sums.items():
        leaf = tree
        for group, name in zip(groups, path, strict=True):
            leaf = leaf.setdefault(group, {}).setdefault(name, {})
        leaf["metrics"] = {metric: shown(points) for metric, points in found.items()}
    return said(tree) if tree and span else Answer(204)


def _chosen(request: Request, name: str, choices: Any) -> list[str]:
    given = request.every(name)
    if not given or any(one not in choices for one in given):
        raise Refusal(400, {"errors": {name: [f"Choose among {', '.join(choices)}."]}})
    return given


def _span(request: Request) -> list[date]:
    missing = [name for name in ("service", "from", "to", "granularity") if not request.first(name)]
    if request.path.endswith("/stats"):
        missing = [name for name in missing if name != "granularity"]
    if missing:
        raise Refusal(400, {"errors": {name: ["This field is required."] for name in missing}})
    try:
        first, last = (date.fromisoformat(request.first(name)[:10]) for name in ("from", "to"))
    except ValueError as error:
        raise Refusal(400, {"message": "from and to must be ISO 8601 dates."}) from error
    if not 0 <= (last - first).days <= MOST_DAYS:
        raise Refusal(400, {"message": "The range must be at most 365 days."})
    return days(first, last)


def _resources(who: Caller, request: Request) -> list[tuple[Client, Resource]]:
    wanted = {int(id) for id in request.every("client")}
    return [
        (client, resource)
        for client in CLIENTS
        if who.sees(client.id) and client.size and (not wanted or client.id in wanted)
        for resource in resources(client.id, DELIVERY.product.id)
    ]


def _unix(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


ROUTES: Final = [
    Route("GET", "/cdn/statistics/series", series),
    Route("GET", "/cdn/statistics/aggregate/stats", aggregate),
]

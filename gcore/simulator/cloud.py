"""A customer's cloud usage and costs by billing metric and region, made of the same days as the reports."""

import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from gcore.simulator.iam import Caller, caller
from gcore.simulator.state import State
from gcore.simulator.wire import Answer, Refusal, Request, Route, said
from gcore.simulator.world import (
    CLIENTS,
    CURRENCY,
    FEATURES,
    Client,
    Feature,
    Resource,
    days,
    resources,
    used,
)

MOST_DAYS: Final = 31
MINUTES_OF_HOUR: Final = 60
MINUTES_OF_MONTH: Final = 30 * 24 * 60
# Feature → type, billing metric, unit, and how many of that unit the feature's own unit is.
METRICS: Final = {
    2362: ("volume", "volume_t_standard_gbm", "gbminutes", MINUTES_OF_MONTH),
    2363: ("volume", "volume_t_ssd_hiiops_gbm", "gbminutes", MINUTES_OF_MONTH),
    2372: ("external_ip", "external_ip_min", "minutes", MINUTES_OF_HOUR),
    13107: ("instance", "g2-standard-1-2_min", "minutes", MINUTES_OF_HOUR),
}
Line = tuple[Client, Feature, Resource, Decimal]


def usage_report(state: State, request: Request) -> Answer:
    lines = list(_lines(state, request))
    body = request.json()
    offset, limit = int(body.get("offset", 0)), int(body.get("limit", 10))
    found = [_resource(*line) for line in lines]
    totals = [_total(*line) for line in lines]
    return said({"count": len(found), "resources": found[offset : offset + limit], "totals": totals})


def cost_totals(state: State, request: Request) -> Answer:
    results = [_total(*line) | _cost(*line) for line in _lines(state, request)]
    return said({"count": len(results), "price_status": "show", "results": results})


def cost_resources(state: State, request: Request) -> Answer:
    results = [_resource(*line) | _cost(*line) for line in _lines(state, request)]
    return said({"count": len(results), "price_status": "show", "results": results})


def reservations(state: State, request: Request) -> Answer:
    """Nobody here has reserved anything."""
    cloud_caller(state, request)
    return said({"count": 0, "price_status": "show", "results": []})


def _lines(state: State, request: Request) -> Iterator[Line]:
    who, span = cloud_caller(state, request), _span(request)
    types = set(request.json().get("types") or ())
    for client in (one for one in CLIENTS if one.id == who.client_id and one.size):
        for feature in (one for one in FEATURES if one.id in METRICS):
            kind, *_, factor = METRICS[feature.id]
            if types and kind not in types:
                continue
            for place in resources(client.id, feature.product.id):
                value = sum((used(client, feature, place, day) for day in span), Decimal(0))
                yield client, feature, place, value * factor


def _span(request: Request) -> list[date]:
    body = request.json()
    try:
        first, last = (date.fromisoformat(str(body[name])[:10]) for name in ("time_from", "time_to"))
    except (KeyError, ValueError) as error:
        fields = {"time_from": ["A valid datetime is required."]}
        raise cloud_refusal(
            400, "ValidationError", "Invalid time_from or time_to", invalid_fields=fields
        ) from error
    last += timedelta(days=bool(body.get("enable_last_day")))
    if not 0 < (last - first).days <= MOST_DAYS:
        raise cloud_refusal(400, "ValidationError", "The period must be 1 to 31 days")
    return days(first, last)


def cloud_caller(state: State, request: Request) -> Caller:
    """Whoever asks, or a 401 in the cloud's words."""
    try:
        return caller(state, request)
    except Refusal as refusal:
        raise cloud_refusal(refusal.answer.status, "not_authenticated", "Token is not valid") from refusal


def cloud_refusal(status: int, kind: str, message: str, **more: Any) -> Refusal:
    body = {"exception_class": kind, "message": message, "request_id": uuid.uuid4().hex, **more}
    return Refusal(status, body)


def _total(client: Client, feature: Feature, place: Resource, value: Decimal) -> dict[str, Any]:
    kind, metric, unit, _ = METRICS[feature.id]
    return {
        "type": kind,
        "billing_metric_name": metric,
        "billing_value": float(value),
        "billing_value_unit": unit,
        "region": place.region,
        "region_id": place.region_id,
    }


def _resource(client: Client, feature: Feature, place: Resource, value: Decimal) -> dict[str, Any]:
    return _total(client, feature, place, value) | {
        "project_id": client.id % 1000,
        "uuid": str(uuid.UUID(int=place.id * 10_000 + feature.id)),
        "last_name": place.name,
        "tags": [{"env": "production"}],
    }


def _cost(client: Client, feature: Feature, place: Resource, value: Decimal) -> dict[str, Any]:
    cost = value / METRICS[feature.id][-1] * feature.price
    return {
        "billing_feature_name": f"{feature.name} {place.region} - PAYG",
        "cost": round(float(cost), 5),
        "currency": CURRENCY["char_code"],
        "err": None,
    }


ROUTES: Final = [
    Route("POST", "/cloud/v1/usage_report", usage_report),
    Route("POST", "/cloud/v1/cost_report/totals", cost_totals),
    Route("POST", "/cloud/v1/cost_report/resources", cost_resources),
    Route("POST", "/cloud/v1/reservation_cost_report/totals", reservations),
    Route("GET", "/cloud/v2/reservations", reservations),
]

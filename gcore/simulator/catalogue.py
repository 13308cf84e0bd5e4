"""Features, products, price list and report templates."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from gcore.simulator.iam import caller
from gcore.simulator.state import State
from gcore.simulator.wire import Answer, Request, Route, page, said
from gcore.simulator.world import CURRENCY, FEATURES, REGIONS, Feature, Product

TEMPLATES: Final = ("ResellerExpenses", "ResellerPlans", "ResellerCredits", "ResellerStatistics")


def features(state: State) -> list[Feature]:
    """Those of the catalogue, as the knobs leave and add them."""
    hidden = {name.upper() for name in state.knobs.hidden_products}
    found = [one for one in FEATURES if one.product.internal_name not in hidden]
    more = range(state.knobs.extra_features)
    return [*found, *(replace(FEATURES[0], id=50_000 + n, name=f"CDN extra {n}") for n in more)]


def report_features(state: State, request: Request) -> Answer:
    caller(state, request).require_reseller()
    wanted = {name: request.first(name) for name in ("name_en", "product_name")}
    found = [
        {
            "id": one.id,
            "name_en": one.name,
            "product_id": one.product.id,
            "product_name_en": one.product.name,
            "report_statistics_unit_id": one.unit_id,
            "report_statistics_unit_name_en": one.unit,
        }
        for one in features(state)
        if wanted["name_en"] in ("", one.name) and wanted["product_name"] in ("", one.product.name)
    ]
    return page(request, found, envelope=state.knobs.envelopes)


def products(state: State, request: Request) -> Answer:
    caller(state, request)
    found = dict.fromkeys(one.product for one in features(state))
    return page(request, [_product(one) for one in found], envelope=True)


def plans(state: State, request: Request) -> Answer:
    caller(state, request).require_reseller()
    return page(request, [_plan_item(one) for one in features(state)], envelope=True)


def _product(product: Product) -> dict[str, Any]:
    return {"id": product.id, "name": product.name, "internal_name": product.internal_name}


def _plan_item(feature: Feature) -> dict[str, Any]:
    return {
        "id": 7_000_000 + feature.id,
        "product": _product(feature.product),
        "feature": {"id": feature.id, "name": feature.name, "erp_sku_id": f"GC-{feature.id}"},
        "unit": {"id": feature.unit_id, "name": feature.unit},
        "price": {"currency": CURRENCY, "money_value": money(feature.price), "price_stages": []},
        "rounding_rule": None,
        "regions": [{"id": id, "name": name} for id, name in REGIONS],
        "calc_rule_type": "commit",
    }


def money(value: Decimal) -> str:
    """A decimal text of 12 places, as Gcore writes money."""
    return f"{value:.12f}"


def templates(state: State, request: Request) -> Answer:
    caller(state, request).require_reseller()
    names = TEMPLATES if request.path.startswith("/billing/v1") else (*TEMPLATES[:-1], "ResellerStatisticsV2")
    return said([_template(number, code) for number, code in enumerate(names, 1)])


def _template(number: int, code: str) -> dict[str, Any]:
    dates = [
        {"name": name, "required": True, "type": "string", "format": "date"}
        for name in ("date_from", "date_to")
    ]
    client = {"name": "client_id", "required": False, "type": "integer"}
    return {
        "id": number,
        "code": code,
        "name_en": code,
        "description": f"{code} report",
        "parameters": {"parameters": [*dates, client]},
    }


ROUTES: Final = [
    Route("GET", "/billing/v[13]/report_features", report_features),
    Route("GET", "/billing/org/v1/products", products),
    Route("GET", "/billing/org/v1/plans/contents", plans),
    Route("GET", "/billing/v1/org/files/report/templates", templates),
    Route("GET", "/billing/org/v1/reports/templates", templates),
]
